// Plays what the fragment names: a channel's playlist, live at low latency, or a
// recording's. A channel that is offline is awaited, and played again when its
// encoder comes back. Browsers without Media Source Extensions play by themselves.
import Hls from './hls.js/hls.min.mjs';

const byId = (id) => document.getElementById(id);
const video = byId('video');
const AGAIN_MS = 2000;
const STALLED_MS = 8000; // without progress while the playlist can still be had

function say(text, trouble = false) {
  byId('state').textContent = text;
  byId('state').classList.toggle('trouble', trouble);
}

/** The playlist's address, or nothing if the fragment is none. */
function addressOf(fragment) {
  try {
    const address = new URL(fragment, location.href);
    return fragment && /^https?:$/.test(address.protocol) ? address.href : undefined;
  } catch {
    return undefined;
  }
}

/** Plays one playlist until closed, over again if it ends or breaks. */
class Player {
  constructor(address) {
    this.address = address;
    this.timer = setInterval(() => this.measure(), 500);
    this.open();
  }

  open() {
    this.pending = undefined;
    this.moved = { to: -1, at: performance.now() };
    if (!Hls.isSupported()) return this.openPlain();
    const hls = (this.hls = new Hls({
      enableWorker: false, // what is played needs no transmuxing
      lowLatencyMode: true,
      backBufferLength: 30,
      maxLiveSyncPlaybackRate: 1.1, // creeps back to the edge after a stall
    }));
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    hls.on(Hls.Events.ERROR, (_, error) => this.failed(hls, error));
    hls.loadSource(this.address);
    hls.attachMedia(video);
  }

  openPlain() {
    video.src = this.address;
    video.onerror = () => this.again('Offline. It plays as soon as there is something to see.');
    this.play();
  }

  async play() {
    try {
      await video.play();
    } catch (error) {
      if (error.name === 'NotAllowedError') say('Press play');
    }
  }

  failed(hls, error) {
    if (!error.fatal || hls !== this.hls) return;
    const status = error.response?.code;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      hls.recoverMediaError();
    } else if (status === 403) {
      this.again('The link is not good, or no longer.');
    } else if (error.type === Hls.ErrorTypes.NETWORK_ERROR) {
      this.again(status === 404 ? 'Offline. It plays as soon as there is something to see.' : 'The server does not answer.');
    } else {
      this.again(`It can't be played: ${error.details}`);
    }
  }

  /** Begins anew in a while. */
  again(why) {
    say(why, true);
    this.release();
    this.pending = setTimeout(() => this.open(), AGAIN_MS);
  }

  get live() {
    return this.hls ? this.hls.latestLevelDetails?.live === true : video.duration === Infinity;
  }

  /** Tells what is seen, and how old it is. */
  measure() {
    const now = performance.now();
    if (video.currentTime !== this.moved.to) {
      this.moved = { to: video.currentTime, at: now };
      this.recovered = false;
    }
    const there = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !this.pending;
    video.controls ||= there;
    const behind = this.hls?.latency ?? 0;
    byId('edge').hidden = !there || !this.live || behind < 5;
    if (!there) return;
    const since = now - this.moved.at;
    if (this.live && !video.paused && since > STALLED_MS) return this.again('The stream does not go on.');
    if (video.ended) say('The end');
    else if (video.paused) say('Paused');
    else if (since > 1500) say('Waiting for more …');
    else say(this.live ? 'Live' : 'Recording');
    const shown = this.hls?.playingDate;
    const figures = [`${video.videoWidth}×${video.videoHeight}`];
    if (this.live && shown) figures.push(`${((Date.now() - shown) / 1000).toFixed(1)} s behind the encoder`);
    const quality = video.getVideoPlaybackQuality();
    figures.push(`${quality.totalVideoFrames} pictures, ${quality.droppedVideoFrames} dropped`);
    byId('figures').textContent = figures.join(' · ');
  }

  release() {
    clearTimeout(this.pending);
    this.pending = undefined;
    this.hls?.destroy();
    this.hls = undefined;
    video.onerror = null;
    video.controls = false; // there is nothing to steer
    video.removeAttribute('src');
    video.load();
    byId('figures').textContent = '';
  }

  close() {
    clearInterval(this.timer);
    this.release();
  }
}

let player;

function start() {
  player?.close();
  const address = addressOf(location.hash.slice(1));
  byId('enter').hidden = address !== undefined;
  byId('screen').hidden = address === undefined;
  byId('sound').hidden = address === undefined;
  if (!address) return say('Nothing to play yet');
  say('Loading …');
  player = new Player(address);
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
