// What is done to each encoded picture, in a worker or on the page.

import { decodeMessages, encodeMessage, insertUnits } from './nal.ts';

/** A message to insert into a video. */
export interface OutgoingMessage {
  payload: Uint8Array;
  uuid: Uint8Array;
  repeatCount: number;
}

/** A message that was received within a video. */
export interface SeiMessage {
  payload: ArrayBuffer;
  uuid: ArrayBuffer;
}

const keepFor = 5000; // ms, that a message waits for a picture of each encoding
const maxQueued = 100; // messages

/** An encoded picture, as RTCEncodedVideoFrame has it. */
export interface Picture {
  data: ArrayBuffer;
  getMetadata(): { synchronizationSource?: number; mimeType?: string };
}

const isH264 = (picture: Picture): boolean => (picture.getMetadata().mimeType ?? 'video/H264').toLowerCase() === 'video/h264';

/** Inserts messages into the pictures of all encodings of one video. */
export class Inserter {
  private queue: { unit: Uint8Array; copies: number; sent: Map<number, number>; until: number }[] = [];

  add({ uuid, payload, repeatCount }: OutgoingMessage): void {
    if (this.queue.length === maxQueued) this.queue.shift();
    this.queue.push({ unit: encodeMessage(uuid, payload), copies: repeatCount + 1, sent: new Map(), until: Date.now() + keepFor });
  }

  process(picture: Picture): void {
    if (this.queue.length === 0 || !isH264(picture)) return;
    this.queue = this.queue.filter(({ until }) => until > Date.now());
    const encoding = picture.getMetadata().synchronizationSource ?? 0;
    const due = this.queue.filter(({ sent, copies }) => (sent.get(encoding) ?? 0) < copies);
    const data = due.length > 0 && insertUnits(new Uint8Array(picture.data), due.map(({ unit }) => unit));
    if (!data) return;
    picture.data = data.buffer as ArrayBuffer;
    for (const { sent } of due) sent.set(encoding, (sent.get(encoding) ?? 0) + 1);
  }
}

const rememberFor = 2000; // ms, after the last copy
const maxRemembered = 64; // messages

/** Reads messages from pictures, repeated ones once. */
export class Extractor {
  private readonly recent = new Map<string, number>(); // until when, by message

  constructor(private readonly found: (message: SeiMessage) => void) {}

  process(picture: Picture): void {
    if (!isH264(picture)) return;
    for (const { uuid, payload } of decodeMessages(new Uint8Array(picture.data))) {
      const key = `${uuid.join()} ${payload.join()}`;
      const now = Date.now();
      const known = (this.recent.get(key) ?? 0) > now;
      this.recent.delete(key);
      this.recent.set(key, now + rememberFor);
      if (this.recent.size > maxRemembered) this.recent.delete(this.recent.keys().next().value!);
      if (!known) this.found({ payload: payload.slice().buffer, uuid: uuid.slice().buffer });
    }
  }
}

/** Passes pictures on after a step has looked at each. A picture that it can not read goes on as it is. */
export function pipe(readable: ReadableStream<Picture>, writable: WritableStream<Picture>, step: (picture: Picture) => void): void {
  const transform = new TransformStream<Picture, Picture>({
    transform(picture, controller) {
      try {
        step(picture);
      } catch {
        // What others send may be anything.
      }
      controller.enqueue(picture);
    },
  });
  readable.pipeThrough(transform).pipeTo(writable).catch(() => {}); // it ends with the connection
}
