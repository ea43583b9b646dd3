// The thumbnails of a recording. Their files are numbered; when one was taken is in its
// Exif data. Where they are is in the metadata beside the playlist.
const within = /^(.*)\/media\/(hls\/multivariant\.m3u8|thumbnails\/[^/]+\/)$/; // a recording: its playlist or its thumbnails
const maxCached = 300; // pictures
const listAgain = 10_000; // ms, of a recording that goes on
const maxSteps = 6; // of a search: intervals are regular but for gaps

/** Returns when a JPEG was taken, in ms since 1970; undefined if it doesn't say so. */
export function takenAt(bytes) {
  const head = new TextDecoder('latin1').decode(bytes.slice(0, 256));
  const date = /(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)\0\+00:00\0/.exec(head);
  if (!date) return undefined;
  const [year, month, day, hour, minute, second] = date.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) + Number(/\0\x04(\d{3})\0/.exec(head)?.[1] ?? 0);
}

export class Thumbnails {
  #url;
  #numbers;
  #pictures = new Map(); // by number, the promise of { at, src }

  constructor(url, goesOn) {
    this.#url = url;
    this.goesOn = goesOn;
  }

  /** Reports whether an address is that of thumbnails, as of a recording that has nothing else. */
  static isAddress(address) {
    return Boolean(within.exec(new URL(address).pathname)?.[2].startsWith('thumbnails/'));
  }

  /** Returns the thumbnails of a recording; undefined if it has none. */
  static async of(address) {
    const url = new URL(address);
    const prefix = within.exec(url.pathname)?.[1];
    if (prefix === undefined) return undefined;
    const at = (name) => new URL(prefix + '/' + name + url.search, url);
    for (const name of ['recording-ended', 'recording-failed', 'recording-started']) {
      const answer = await fetch(at(`events/${name}.json`));
      if (!answer.ok) continue;
      const thumbnails = (await answer.json()).media?.thumbnails;
      const folder = (thumbnails?.renditions ?? thumbnails?.resolutions)?.[0]?.path;
      if (!folder) return undefined;
      const url = (file) => at(`${thumbnails.path}/${folder}/${file}`);
      const all = new Thumbnails(url, name === 'recording-started');
      await all.#list();
      return all.#numbers.length || all.goesOn ? all : undefined;
    }
    return undefined;
  }

  get count() {
    return this.#numbers.length;
  }

  /** Looks for newer ones now and then, while the recording goes on. */
  async refresh() {
    if (this.goesOn && performance.now() - this.listed > listAgain) await this.#list();
  }

  async #list() {
    this.listed = performance.now();
    const names = await (await fetch(this.#url(''))).json();
    this.#numbers = names.flatMap((n) => /^(\d+)\.jpg$/.exec(n)?.[1] ?? []).map(Number).sort((a, b) => a - b);
  }

  /** Returns the last thumbnail that was taken until a time, or else the first: { at, src }. */
  async until(time) {
    await this.refresh();
    if (!this.#numbers.length) throw new Error('there is no thumbnail yet');
    let low = 0;
    let high = this.#numbers.length - 1;
    let [first, last] = await Promise.all([this.picture(low), this.picture(high)]);
    if (time >= last.at) return last;
    for (let step = 0; high - low > 1 && time > first.at; step++) {
      // The time is in between; where, the interval tells. Gaps need the middle.
      const share = step < maxSteps ? (time - first.at) / (last.at - first.at) : 0.5;
      const guess = Math.min(high - 1, Math.max(low + 1, low + Math.floor(share * (high - low) + 0.01)));
      const picture = await this.picture(guess);
      if (picture.at > time) [high, last] = [guess, picture];
      else [low, first] = [guess, picture];
    }
    return first;
  }

  /** Returns a thumbnail by its position, from 0: { at, src }. */
  picture(index) {
    const number = this.#numbers[index];
    let picture = this.#pictures.get(number);
    if (!picture) {
      picture = this.#load(number);
      picture.catch(() => this.#pictures.delete(number));
      this.#pictures.set(number, picture);
      this.#evict();
    }
    return picture;
  }

  async #load(number) {
    const answer = await fetch(this.#url(`${number}.jpg`));
    if (!answer.ok) throw new Error(`thumbnail ${number}: ${answer.status}`);
    const blob = await answer.blob();
    const at = takenAt(await blob.slice(0, 256).arrayBuffer());
    if (at === undefined) throw new Error(`thumbnail ${number} does not say when it was taken`);
    return { at, src: URL.createObjectURL(blob) };
  }

  /** Forgets the oldest pictures beyond a bound. */
  #evict() {
    for (const [number, picture] of this.#pictures) {
      if (this.#pictures.size <= maxCached) return;
      this.#pictures.delete(number);
      picture.then(({ src }) => URL.revokeObjectURL(src), () => {});
    }
  }

  close() {
    for (const picture of this.#pictures.values()) picture.then(({ src }) => URL.revokeObjectURL(src), () => {});
    this.#pictures.clear();
  }
}
