// The thumbnails of a recording that has nothing else, one at a time.
const lookAgain = 5000; // ms, for newer ones

export class Slides {
  #abort = new AbortController();
  #shown = 0; // counts what was asked for, since answers may overtake each other

  /** onStatus is called with what to say of it, and whether that is trouble. */
  constructor(root, thumbnails, onStatus) {
    Object.assign(this, { root, thumbnails, onStatus });
    this.bar = root.querySelector('input');
    this.image = root.querySelector('img');
    this.caption = root.querySelector('figcaption');
    this.bar.addEventListener('input', () => this.#show(Number(this.bar.value)), { signal: this.#abort.signal });
    this.timer = setInterval(() => this.#follow(), lookAgain);
    this.bar.max = Math.max(0, thumbnails.count - 1);
    this.bar.value = thumbnails.goesOn ? this.bar.max : 0;
    root.hidden = false;
    this.#show(Number(this.bar.value));
  }

  /** Goes on with a recording that does, unless an older thumbnail is looked at. */
  async #follow() {
    const atEnd = this.bar.value === this.bar.max;
    await this.thumbnails.refresh().catch((error) => console.warn(error));
    const last = Math.max(0, this.thumbnails.count - 1);
    if (Number(this.bar.max) === last && this.image.hasAttribute('src')) return;
    this.bar.max = last;
    if (atEnd) this.bar.value = last;
    await this.#show(Number(this.bar.value));
  }

  async #show(index) {
    if (!this.thumbnails.count) return this.onStatus('There is no thumbnail yet');
    const asked = ++this.#shown;
    try {
      const { at, src } = await this.thumbnails.picture(index);
      if (asked !== this.#shown) return;
      this.image.src = src;
      const taken = new Date(at).toLocaleString();
      this.image.alt = `The thumbnail of ${taken}`;
      this.caption.textContent = `${index + 1} of ${this.thumbnails.count} · ${taken}`;
      this.bar.setAttribute('aria-valuetext', this.caption.textContent);
      this.onStatus('Thumbnails of a recording');
    } catch {
      if (asked === this.#shown) this.onStatus('The thumbnail can not be loaded', true);
    }
  }

  close() {
    this.#abort.abort();
    clearInterval(this.timer);
    this.#shown++;
    this.thumbnails.close();
    this.root.hidden = true;
    this.image.removeAttribute('src');
    this.caption.textContent = '';
  }
}
