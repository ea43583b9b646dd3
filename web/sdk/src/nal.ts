// Units of H.264 in a byte stream (annex B), and the messages of users in them: SEI of
// type 5, which are a UUID and any bytes (ITU-T H.264, D.1.7).

const sliceTypes = [1, 2, 3, 4, 5];
const seiType = 6;
const userData = 5;

/** One unit of a byte stream, without its start code. */
interface Unit {
  start: number;
  end: number;
  type: number;
}

/** Finds the units of a byte stream. */
function* units(data: Uint8Array): Generator<Unit> {
  let start = -1;
  const found = (end: number): Unit => ({ start, end, type: data[start]! & 0x1f });
  for (let i = 0; i + 2 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    const code = i > 0 && data[i - 1] === 0 ? i - 1 : i;
    if (start >= 0 && start < code) yield found(code);
    start = i + 3;
    i += 2;
  }
  if (start >= 0 && start < data.length) yield found(data.length);
}

/** Finds where the first slice of a picture begins; -1 if there is none. */
function firstSlice(data: Uint8Array): number {
  for (let i = 0; i + 3 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    if (sliceTypes.includes(data[i + 3]! & 0x1f)) return i > 0 && data[i - 1] === 0 ? i - 1 : i;
    i += 2;
  }
  return -1;
}

/** Inserts units before the first slice of a picture. Undefined if it has none. */
export function insertUnits(picture: Uint8Array, inserted: Uint8Array[]): Uint8Array | undefined {
  let at = firstSlice(picture);
  if (at < 0) return undefined;
  const all = new Uint8Array(picture.length + inserted.reduce((sum, { length }) => sum + length, 0));
  all.set(picture.subarray(0, at));
  const rest = picture.subarray(at);
  for (const bytes of inserted) {
    all.set(bytes, at);
    at += bytes.length;
  }
  all.set(rest, at);
  return all;
}

/** Writes a message as unit with a start code. */
export function encodeMessage(uuid: Uint8Array, payload: Uint8Array): Uint8Array {
  const size = uuid.length + payload.length;
  const head = [seiType, userData];
  for (let left = size; ; left -= 255) {
    head.push(Math.min(left, 255));
    if (left < 255) break;
  }
  const raw = new Uint8Array([...head, ...uuid, ...payload, 0x80]);
  return new Uint8Array([0, 0, 0, 1, ...escape(raw)]);
}

/** Reads the messages of a picture: they precede its first slice. */
export function* decodeMessages(picture: Uint8Array): Generator<{ uuid: Uint8Array; payload: Uint8Array }> {
  const slice = firstSlice(picture);
  for (const { start, end, type } of units(slice < 0 ? picture : picture.subarray(0, slice))) {
    if (type === seiType) yield* decodeSEI(unescape(picture.subarray(start + 1, end)));
  }
}

function* decodeSEI(data: Uint8Array): Generator<{ uuid: Uint8Array; payload: Uint8Array }> {
  let at = 0;
  const number = (): number => {
    let sum = 0;
    while (data[at] === 255) sum += data[at++]!;
    return sum + (data[at++] ?? 0);
  };
  while (at + 1 < data.length) {
    const [type, size] = [number(), number()];
    if (at + size > data.length) return;
    if (type === userData && size >= 16) yield { uuid: data.slice(at, at + 16), payload: data.slice(at + 16, at + size) };
    at += size;
  }
}

/** Keeps start codes out of a unit's bytes. */
function escape(raw: Uint8Array): number[] {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of raw) {
    if (zeros === 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out;
}

function unescape(data: Uint8Array): Uint8Array {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of data) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return new Uint8Array(out);
}
