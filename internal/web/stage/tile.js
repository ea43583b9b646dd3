// @ts-check
// The video of one participant, with figures of its connection.

/** @typedef {import('../../../web/sdk/src/wire.ts').Participant} Participant */
/** @typedef {import('../../../web/sdk/src/wire.ts').LayerSelected} LayerSelected */
/** @typedef {'connecting' | import('./connection.js').State} TileState */

/**
 * Finds an element of the page.
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} [type]
 * @returns {E}
 */
export const byId = (id, type) => /** @type {E} */ (document.getElementById(id));

const staleAfter = 2500; // ms without packets from the other end, until the tile says so

export class Tile {
  /**
   * @param {string} name
   * @param {MediaStream} stream
   * @param {boolean} own whether the stream is sent, not received
   */
  constructor(name, stream, own) {
    this.element = /** @type {HTMLElement} */ (byId('tile', HTMLTemplateElement).content.firstElementChild.cloneNode(true));
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (this.element.querySelector(selector));
    this.video = /** @type {HTMLVideoElement} */ (find('video'));
    this.nameLine = find('.name');
    this.figures = find('.figures');
    this.path = find('.path');
    this.noteLine = find('.note');
    this.element.classList.toggle('own', own);
    this.own = own;
    this.video.muted = true;
    this.video.srcObject = stream;
    /** @type {TileState} */
    this.state = 'connecting';
    /** @type {Partial<Participant>} as the server describes it */
    this.participant = {};
    /** @type {Partial<LayerSelected>} that is received */
    this.layer = {};
    /** @type {ReturnType<Tile['sum']> | undefined} the figures of the last measurement */
    this.before = undefined;
    /** @type {number | undefined} when the other end was last heard */
    this.heard = undefined;
    this.stale = false;
    this.rename(name);
    this.showNote();
    byId('tiles').append(this.element);
  }

  rename(/** @type {string} */ name) {
    this.nameLine.textContent = name;
    this.video.setAttribute('aria-label', name);
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }

  /**
   * @param {TileState} state
   * @param {string} [reason]
   */
  setState(state, reason) {
    this.state = state;
    this.reason = reason;
    this.before = this.heard = undefined;
    this.stale = false;
    if (state !== 'live') this.figures.textContent = this.path.textContent = '';
    this.showNote();
  }

  /** Shows over the video why there is none, or not all of it. */
  showNote() {
    const { videoStopped, audioMuted } = this.participant;
    const notes = {
      connecting: ['Connecting …'],
      lost: [this.reason ?? 'Reconnecting …'],
      refused: [this.reason],
      live: [
        this.stale && !(videoStopped && audioMuted) && (this.own ? 'Nothing gets through …' : 'Nothing arrives …'),
        !videoStopped && this.layer.paused && this.layer.reason === 'bandwidth' && 'Sound only: too little bandwidth',
        !videoStopped && this.layer.paused && this.layer.reason === 'no-codec' && 'Sound only: this browser lacks the codec',
        this.limited && 'Your connection is slow: others see less',
        videoStopped && 'Camera off',
        audioMuted && 'Microphone off',
      ],
    }[this.state].filter(Boolean);
    this.noteLine.textContent = notes.join(' · ');
    this.element.classList.toggle('without', this.state !== 'live' || Boolean((this.stale && !this.own) || this.layer.paused || videoStopped));
  }

  /** Updates the figures by what was sent or received since the last call. */
  async measure(/** @type {RTCPeerConnection | undefined} */ peer) {
    if (!peer || this.state !== 'live' || peer.connectionState === 'closed') return;
    const all = [...(await peer.getStats()).values()];
    const type = this.own ? 'outbound-rtp' : 'inbound-rtp';
    const streams = all.filter((s) => s.type === type);
    if (streams.length === 0) return;
    const now = this.sum(all, streams);
    const { before } = this;
    this.before = now;
    if (!before || now.at <= before.at) return;
    if (now.evidence > before.evidence) this.heard = now.at;
    this.stale = now.at - (this.heard ?? now.at) > staleAfter;
    this.limited = this.own && now.active < now.wanted && now.active > 0 && now.limitedBy === 'bandwidth';
    this.showFigures(now, before);
    this.showNote();
  }

  /**
   * Adds up the streams of one connection.
   * @param {any[]} all of getStats
   * @param {any[]} streams
   */
  sum(all, streams) {
    const total = (/** @type {string} */ name) => streams.reduce((sum, s) => sum + (s[name] ?? 0), 0);
    const encodings = streams.filter((s) => s.kind === 'video');
    const sized = encodings.filter((s) => s.frameWidth);
    const active = this.own ? sized.filter((s) => s.active !== false && s.framesPerSecond > 0) : sized;
    const best = active.sort((a, b) => b.frameWidth - a.frameWidth)[0];
    const pair = all.find((s) => s.id === all.find((t) => t.type === 'transport')?.selectedCandidatePairId);
    const local = all.find((s) => s.id === pair?.localCandidateId);
    const reports = all.filter((s) => s.type === 'remote-inbound-rtp' && s.kind === 'video');
    return {
      at: streams[0].timestamp,
      bytes: total(this.own ? 'bytesSent' : 'bytesReceived'),
      // Grows while the other end is there: received bytes show that, or the receiver's reports.
      evidence: this.own ? Math.max(0, ...reports.map((s) => s.timestamp)) : total('bytesReceived'),
      packets: total('packetsReceived'),
      lost: total('packetsLost'),
      reportedLoss: Math.max(0, ...reports.map((s) => s.fractionLost ?? 0)),
      best,
      active: active.length,
      encodings: encodings.length,
      wanted: encodings.filter((s) => s.active !== false).length,
      limitedBy: best?.qualityLimitationReason,
      roundTrip: pair?.currentRoundTripTime,
      protocol: local?.relayProtocol ?? local?.protocol,
      relayed: local?.candidateType === 'relay',
    };
  }

  /**
   * @param {ReturnType<Tile['sum']>} now
   * @param {ReturnType<Tile['sum']>} before
   */
  showFigures(now, before) {
    this.figures.textContent = this.path.textContent = '';
    if (this.stale) return;
    const seconds = (now.at - before.at) / 1000;
    const figures = [];
    if (now.best && !this.layer.paused) figures.push(`${now.best.frameWidth}×${now.best.frameHeight}`, `${Math.round(now.best.framesPerSecond ?? 0)} fps`);
    if (this.own && now.encodings > 1) figures.push(`${now.active} of ${now.encodings} layers`);
    figures.push(`${((8 * (now.bytes - before.bytes)) / seconds / 1e6).toFixed(1)} Mbit/s`);
    this.figures.textContent = figures.join(' · ');
    const lost = Math.max(0, now.lost - before.lost);
    const loss = this.own ? now.reportedLoss : lost / Math.max(1, lost + now.packets - before.packets);
    const path = [`${(100 * loss).toFixed(loss > 0 && loss < 0.1 ? 1 : 0)} % lost`];
    if (now.roundTrip !== undefined) path.push(`${Math.round(1000 * now.roundTrip)} ms`);
    if (now.protocol) path.push(now.protocol.toUpperCase() + (now.relayed ? ' relay' : ''));
    if (this.layer.label) path.push(`layer ${this.layer.label}`);
    this.path.textContent = path.join(' · ');
  }
}
