// One participant's picture, and what is known of how it comes or goes.

const byId = (id) => document.getElementById(id);

const staleAfter = 2500; // ms without a sign of the other side, until that is said

export class Tile {
  constructor(name, stream, own) {
    this.element = byId('tile').content.firstElementChild.cloneNode(true);
    [this.video, this.nameLine, this.figures, this.path, this.noteLine] = ['video', '.name', '.figures', '.path', '.note'].map((s) => this.element.querySelector(s));
    this.element.classList.toggle('own', own);
    this.own = own;
    this.video.muted = true;
    this.video.srcObject = stream;
    this.state = 'connecting';
    this.member = {}; // what the stage tells of the participant, and
    this.layer = {}; // of the layer that flows to us
    this.rename(name);
    this.note();
    byId('tiles').append(this.element);
  }

  rename(name) {
    this.nameLine.textContent = name;
    this.video.setAttribute('aria-label', name);
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }

  become(state, why) {
    this.state = state; // connecting, live, lost or refused
    this.why = why;
    this.before = this.heard = this.stale = undefined;
    if (state !== 'live') this.figures.textContent = this.path.textContent = '';
    this.note();
  }

  /** Says over the picture why there is none, or not all of it. */
  note() {
    const { videoStopped, audioMuted } = this.member;
    const says = {
      connecting: ['Connecting …'],
      lost: [this.why ?? 'Reconnecting …'],
      refused: [this.why],
      live: [
        this.stale && !(videoStopped && audioMuted) && (this.own ? 'Nothing gets through …' : 'Nothing arrives …'),
        !videoStopped && this.layer.paused && this.layer.reason === 'bandwidth' && 'Sound only: too little bandwidth',
        !videoStopped && this.layer.paused && this.layer.reason === 'no-codec' && 'Sound only: this browser lacks the codec',
        this.limited && 'Your connection is slow: others see less',
        videoStopped && 'Camera off',
        audioMuted && 'Microphone off',
      ],
    }[this.state].filter(Boolean);
    this.noteLine.textContent = says.join(' · ');
    this.element.classList.toggle('without', this.state !== 'live' || Boolean((this.stale && !this.own) || this.layer.paused || videoStopped));
  }

  /** Tells what has come or gone since the last call. */
  async measure(connection) {
    if (this.state !== 'live' || connection.connectionState === 'closed') return;
    const all = [...(await connection.getStats()).values()];
    const kind = this.own ? 'outbound-rtp' : 'inbound-rtp';
    const flows = all.filter((s) => s.type === kind);
    if (flows.length === 0) return;
    const now = this.sum(all, flows);
    const { before } = this;
    this.before = now;
    if (!before || now.at <= before.at) return;
    const seconds = (now.at - before.at) / 1000;
    if (now.sign > before.sign) this.heard = now.at;
    this.stale = now.at - (this.heard ?? now.at) > staleAfter;
    this.limited = this.own && now.sent > 0 && now.sent < now.wanted && now.why === 'bandwidth';
    this.tell(now, before, seconds);
    this.note();
  }

  /** Adds up the streams of one connection. */
  sum(all, flows) {
    const total = (name) => flows.reduce((sum, s) => sum + (s[name] ?? 0), 0);
    const pictures = flows.filter((s) => s.kind === 'video' && s.frameWidth);
    const flowing = this.own ? pictures.filter((s) => s.active !== false && s.framesPerSecond > 0) : pictures;
    const best = flowing.sort((a, b) => b.frameWidth - a.frameWidth)[0];
    const pair = all.find((s) => s.id === all.find((t) => t.type === 'transport')?.selectedCandidatePairId);
    const local = all.find((s) => s.id === pair?.localCandidateId);
    const reports = all.filter((s) => s.type === 'remote-inbound-rtp' && s.kind === 'video');
    return {
      at: flows[0].timestamp,
      bytes: total(this.own ? 'bytesSent' : 'bytesReceived'),
      // What we get shows that they are there, and what we send shows in their reports.
      sign: this.own ? Math.max(0, ...reports.map((s) => s.timestamp)) : total('bytesReceived'),
      packets: total('packetsReceived'),
      lost: total('packetsLost'),
      share: Math.max(0, ...reports.map((s) => s.fractionLost ?? 0)),
      best,
      sent: flowing.length,
      encodings: flows.filter((s) => s.kind === 'video').length,
      wanted: flows.filter((s) => s.kind === 'video' && s.active !== false).length,
      why: best?.qualityLimitationReason,
      roundTrip: pair?.currentRoundTripTime,
      protocol: local?.relayProtocol ?? local?.protocol,
      relayed: local?.candidateType === 'relay',
    };
  }

  tell(now, before, seconds) {
    this.figures.textContent = this.path.textContent = '';
    if (this.stale) return;
    const figures = [];
    if (now.best && !this.layer.paused) figures.push(`${now.best.frameWidth}×${now.best.frameHeight}`, `${Math.round(now.best.framesPerSecond ?? 0)} fps`);
    if (this.own && now.encodings > 1) figures.push(`${now.sent} of ${now.encodings} layers`);
    figures.push(`${((8 * (now.bytes - before.bytes)) / seconds / 1e6).toFixed(1)} Mbit/s`);
    this.figures.textContent = figures.join(' · ');
    const lost = Math.max(0, now.lost - before.lost);
    const share = this.own ? now.share : lost / Math.max(1, lost + now.packets - before.packets);
    const path = [`${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} % lost`];
    if (now.roundTrip !== undefined) path.push(`${Math.round(1000 * now.roundTrip)} ms`);
    if (now.protocol) path.push(now.protocol.toUpperCase() + (now.relayed ? ' relay' : ''));
    if (this.layer.label) path.push(`layer ${this.layer.label}`);
    this.path.textContent = path.join(' · ');
  }
}
