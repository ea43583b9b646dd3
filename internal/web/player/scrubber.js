// The bar below the video of a recording that has thumbnails: it shows what there is to see
// at the time that a pointer or the keyboard points to.
const step = 5; // seconds of an arrow key

export function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  return `${hours ? `${hours}:${two(Math.floor(s / 60) % 60)}` : Math.floor(s / 60)}:${two(s % 60)}`;
}

export class Scrubber {
  #abort = new AbortController();
  #dragging = false;
  #shown = 0; // counts what was asked for, since answers may overtake each other

  /** dateAt returns the time of day, in ms, of a time of the video in seconds. */
  constructor(root, video, thumbnails, dateAt) {
    Object.assign(this, { root, video, thumbnails, dateAt });
    this.bar = root.querySelector('input');
    this.preview = root.querySelector('.preview');
    this.picture = root.querySelector('img');
    this.label = root.querySelector('.time');
    const on = (target, event, f) => target.addEventListener(event, f, { signal: this.#abort.signal });
    on(this.bar, 'input', () => this.#seek(Number(this.bar.value)));
    on(this.bar, 'pointerdown', () => (this.#dragging = true));
    on(window, 'pointerup', () => (this.#dragging = false));
    on(this.bar, 'pointermove', (event) => this.#show(this.#timeAt(event)));
    on(this.bar, 'pointerleave', () => this.#hideUnlessUsed());
    on(this.bar, 'blur', () => (this.preview.hidden = true));
    on(this.bar, 'keydown', (event) => this.#press(event));
    for (const event of ['timeupdate', 'durationchange', 'seeking']) on(video, event, () => this.#follow());
    this.#follow();
    root.hidden = false;
  }

  get duration() {
    return Number.isFinite(this.video.duration) ? this.video.duration : 0;
  }

  #timeAt({ clientX }) {
    const { left, width } = this.bar.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - left) / width)) * this.duration;
  }

  #follow() {
    this.bar.max = this.duration;
    if (!this.#dragging) this.bar.value = this.video.currentTime;
    this.bar.setAttribute('aria-valuetext', `${clock(Number(this.bar.value))} of ${clock(this.duration)}`);
  }

  /** Arrow keys go on by seconds; the other keys are the browser's. */
  #press(event) {
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step }[event.key];
    if (event.key === 'Escape') this.preview.hidden = true;
    if (!by) return;
    event.preventDefault();
    this.#seek(Math.min(this.duration, Math.max(0, this.video.currentTime + by)));
  }

  #seek(time) {
    this.video.currentTime = time;
    this.#follow();
    this.#show(time);
  }

  /** Shows the thumbnail of a time of the video. */
  async #show(time) {
    if (!this.duration) return;
    const asked = ++this.#shown;
    this.label.textContent = clock(time);
    this.preview.hidden = false;
    this.preview.ariaBusy = 'true';
    this.#place(time);
    try {
      const { src } = await this.thumbnails.until(this.dateAt(time));
      if (asked !== this.#shown) return;
      this.picture.src = src;
      await this.picture.decode();
      this.#place(time);
    } catch {
      if (asked === this.#shown) this.picture.removeAttribute('src'); // the time alone is shown
    }
    if (asked === this.#shown) this.preview.ariaBusy = 'false';
  }

  /** Puts the preview above the time, within the page. */
  #place(time) {
    const whole = this.bar.clientWidth;
    const width = Math.min(this.preview.offsetWidth, whole);
    const left = (time / this.duration) * whole - width / 2;
    this.preview.style.left = `${Math.min(Math.max(0, left), whole - width)}px`;
  }

  #hideUnlessUsed() {
    if (!this.#dragging && !this.bar.matches(':focus-visible')) this.preview.hidden = true;
  }

  close() {
    this.#abort.abort();
    this.thumbnails.close();
    this.root.hidden = true;
    this.preview.hidden = true;
    this.picture.removeAttribute('src');
  }
}
