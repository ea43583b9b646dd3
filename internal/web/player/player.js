// The player page: it plays the playlist in the URL's fragment, of a live channel at
// low latency or of a recording. While a channel is offline it tries again until the
// encoder is back. Browsers without Media Source Extensions play HLS by themselves.
import Hls from './hls.js/hls.min.mjs';
import { Scrubber } from './scrubber.js';
import { Slides } from './slides.js';
import { Thumbnails } from './thumbnails.js';

document.documentElement.classList.toggle('framed', window !== window.parent);

const byId = (id) => document.getElementById(id);
const video = byId('video');
const retryAfter = 2000; // ms
const stalledAfter = 8000; // ms without progress while the playlist can still be loaded

function showStatus(text, trouble = false) {
  byId('state').textContent = text;
  byId('state').classList.toggle('trouble', trouble);
}

/** Returns the URL in the fragment, or undefined if there is none. */
function urlOf(fragment) {
  try {
    const url = new URL(fragment, location.href);
    return fragment && /^https?:$/.test(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Shows the thumbnails of a recording until closed. */
class Album {
  constructor(url) {
    this.open(url).catch(() => showStatus('The link is invalid or has expired, or the server does not answer.', true));
  }

  async open(url) {
    const thumbnails = await Thumbnails.of(url);
    if (this.closed) return thumbnails?.close();
    if (!thumbnails) return showStatus('The link is invalid or has expired, or the recording has no thumbnails.', true);
    this.slides = new Slides(byId('slides'), thumbnails, showStatus);
  }

  close() {
    this.closed = true;
    this.slides?.close();
  }
}

/** Plays one playlist until closed, and again if it ends or fails. */
class Player {
  constructor(url) {
    this.url = url;
    this.timer = setInterval(() => this.measure(), 500);
    this.open();
    this.showThumbnails().catch((error) => console.warn(error)); // the recording plays without them
  }

  open() {
    this.retry = undefined;
    this.wasLive = false;
    this.ranOut = false;
    this.progress = { position: -1, at: performance.now() };
    if (!Hls.isSupported()) return this.openPlain();
    const hls = (this.hls = new Hls({
      enableWorker: false, // what is played needs no transmuxing
      lowLatencyMode: true,
      backBufferLength: 30,
      maxLiveSyncPlaybackRate: 1.1, // catches up with the live edge after a stall
    }));
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    hls.on(Hls.Events.ERROR, (_, error) => this.handleError(hls, error));
    hls.loadSource(this.url);
    hls.attachMedia(video);
  }

  openPlain() {
    video.src = this.url;
    video.onerror = () => this.tryAgain('Offline. It plays as soon as there is something to see.');
    this.play();
  }

  async showThumbnails() {
    const thumbnails = await Thumbnails.of(this.url);
    if (!thumbnails || this.closed) return;
    this.scrubber = new Scrubber(byId('scrubber'), video, thumbnails, (time) => this.dateAt(time));
  }

  /** The time of day, in ms, of a time of the video in seconds. */
  dateAt(time) {
    const begin = (f) => f.programDateTime - f.start * 1000;
    const all = this.hls?.latestLevelDetails?.fragments ?? [];
    const fragment = all.findLast((f) => f.start <= time) ?? all[0];
    if (fragment?.programDateTime) return begin(fragment) + time * 1000;
    return Number(video.getStartDate?.() ?? NaN) + time * 1000;
  }

  async play() {
    try {
      await video.play();
    } catch (error) {
      if (error.name === 'NotAllowedError') showStatus('Press play');
    }
  }

  handleError(hls, error) {
    if (!error.fatal || hls !== this.hls) return;
    const status = error.response?.code;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      hls.recoverMediaError();
    } else if (status === 403) {
      this.tryAgain('The link is invalid or has expired.');
    } else if (error.type === Hls.ErrorTypes.NETWORK_ERROR) {
      this.tryAgain(status === 404 || status === 503 ? 'Offline. It plays as soon as there is something to see.' : 'The server does not answer.');
    } else {
      this.tryAgain(`It can't be played: ${error.details}`);
    }
  }

  /** Begins anew after a pause. */
  tryAgain(reason) {
    showStatus(reason, true);
    this.release();
    this.retry = setTimeout(() => this.open(), retryAfter);
  }

  get live() {
    return this.hls ? this.hls.latestLevelDetails?.live === true : video.duration === Infinity;
  }

  /** Shows what plays, and how far behind the encoder it is. */
  measure() {
    const now = performance.now();
    if (video.currentTime !== this.progress.position) {
      this.progress = { position: video.currentTime, at: now };
      this.recovered = false;
    }
    this.wasLive ||= this.live;
    this.goOn();
    const playable = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !this.retry;
    video.controls ||= playable;
    const behind = this.hls?.latency ?? 0;
    byId('edge').hidden = !playable || !this.live || behind < 5;
    if (!playable) return;
    const idle = now - this.progress.at;
    if (this.live && (!video.paused || this.ranOut) && idle > stalledAfter) return this.tryAgain('The stream does not go on.');
    if (video.ended && this.wasLive && !this.live) return this.tryAgain('Offline. It plays as soon as there is something to see.');
    if (this.ranOut) showStatus('Waiting for more …');
    else if (video.ended) showStatus('The end');
    else if (video.paused) showStatus('Paused');
    else if (idle > 1500) showStatus('Waiting for more …');
    else showStatus(this.live ? 'Live' : 'Recording');
    const shown = this.hls?.playingDate;
    const figures = [video.videoWidth ? `${video.videoWidth}×${video.videoHeight}` : 'audio'];
    if (this.live && shown) figures.push(`${((Date.now() - shown) / 1000).toFixed(1)} s behind the encoder`);
    const quality = video.getVideoPlaybackQuality();
    if (video.videoWidth) figures.push(`${quality.totalVideoFrames} pictures, ${quality.droppedVideoFrames} dropped`);
    byId('figures').textContent = figures.join(' · ');
  }

  /** Goes on with a live stream that had nothing more: WebKit ends and pauses it meanwhile. */
  goOn() {
    if (video.ended && this.live) this.ranOut = true;
    else if (this.ranOut && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) {
      this.ranOut = false;
      this.play();
    }
  }

  release() {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.hls?.destroy();
    this.hls = undefined;
    video.onerror = null;
    video.controls = false;
    video.removeAttribute('src');
    video.load();
    byId('figures').textContent = '';
  }

  close() {
    this.closed = true;
    this.scrubber?.close();
    clearInterval(this.timer);
    this.release();
  }
}

let player;

function start() {
  player?.close();
  const url = urlOf(location.hash.slice(1));
  byId('enter').hidden = url !== undefined;
  const isAlbum = url !== undefined && Thumbnails.isAddress(url);
  byId('screen').hidden = byId('sound').hidden = url === undefined || isAlbum;
  player = undefined;
  if (!url) return showStatus('Nothing to play yet');
  showStatus('Loading …');
  player = isAlbum ? new Album(url) : new Player(url);
}

byId('sound').addEventListener('click', () => {
  video.muted = !video.muted;
  if (video.paused) video.play().catch(() => {});
});
video.addEventListener('volumechange', () => {
  byId('sound').textContent = video.muted ? 'Turn sound on' : 'Turn sound off';
  byId('sound').setAttribute('aria-pressed', String(!video.muted));
});
byId('edge').addEventListener('click', () => {
  const edge = player?.hls?.liveSyncPosition;
  if (edge) video.currentTime = edge;
});
byId('enter').addEventListener('submit', (event) => {
  event.preventDefault();
  location.hash = byId('address').value.trim();
});
addEventListener('hashchange', start);
start();
