// An offer's way to the server: WHIP and WHEP differ in the address alone. What
// is said is told in docs/protocol.md.

const firstPause = 250; // ms between attempts, doubled each time up to
const lastPause = 8000;
const answerWithin = 5000; // ms

/** Waits about that long: not all pages of a stage that lost its server are to come back at once. */
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));

/** The pauses between attempts; start over with another when one has succeeded. */
export function* pauses() {
  for (let pause = firstPause; ; pause = Math.min(2 * pause, lastPause)) yield pause;
}

/** The server's problem documents (RFC 9457) say why in detail. */
export function reasonOf(body) {
  try {
    const problem = JSON.parse(body);
    return problem.detail ?? problem.title;
  } catch {
    return undefined;
  }
}

/** The server's no. It is final if nothing would be gained by asking again. */
export class Refusal extends Error {
  constructor(status, body) {
    super(reasonOf(body) ?? `The server answered ${status}.`);
    this.final = [401, 403, 422].includes(status);
  }
}

/** The TURN servers that an answer recommends (RFC 9725 §4.6). Those of STUN are of no use: the server probes nobody. */
function relaysOf(header) {
  const links = (header ?? '').matchAll(/<(turns?:[^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g);
  return [...links].map(([, urls, username, credential]) => ({ urls, username, credential }));
}

const lineOf = (sdp, name) => sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0].trim();

/**
 * What browsers can do but don't offer by themselves: sound that was lost is sent
 * again, receivers learn their round-trip time (RFC 3611), and Chromium takes no H.264
 * keyframe whose parameter sets were lost: it would decode it by another layer's.
 */
function wishes(sdp) {
  return sdp
    .replaceAll(/^a=rtpmap:(\d+) opus\/.*\r\n/gim, (line, pt) => `${line}a=rtcp-fb:${pt} nack\r\n`)
    .replaceAll(/^a=rtcp-fb:(\d+) transport-cc\r\n/gm, (line, pt) => `${line}a=rtcp-fb:${pt} rrtr\r\n`)
    .replaceAll(/^a=fmtp:\d+ .*packetization-mode=[^\r]*/gm, '$&;sps-pps-idr-in-keyframe=1');
}

/**
 * A connection that is opened over again when it ends, until it is closed.
 *
 * prepare is given each new RTCPeerConnection. told is called with "live" and
 * "lost" as that changes; with "lost" and the server's reason if it gave one;
 * and with "refused" and the reason when there is nothing more to hope.
 */
export class Link {
  constructor(url, token, prepare, told) {
    Object.assign(this, { url, prepare, told, open: true, headers: { Authorization: `Bearer ${token}` } });
    this.keep();
  }

  async keep() {
    let pausing = pauses();
    while (this.open) {
      let why;
      this.wasLive = false;
      const ended = new Promise((resolve) => (this.end = resolve));
      try {
        await this.connect();
        await ended;
      } catch (error) {
        if (error.final) {
          this.close();
          return this.told('refused', error.message);
        }
        if (error instanceof Refusal) why = error.message;
      }
      if (this.wasLive) pausing = pauses();
      this.drop();
      if (!this.open) return;
      this.told('lost', why);
      await wait(pausing.next().value);
    }
  }

  async connect() {
    const connection = (this.connection = new RTCPeerConnection());
    connection.onconnectionstatechange = () => this.changed(connection.connectionState);
    this.prepare(connection);
    const began = performance.now();
    const offer = await connection.createOffer();
    await connection.setLocalDescription({ type: 'offer', sdp: wishes(offer.sdp) }).catch(() => connection.setLocalDescription(offer));
    const { answer, body } = await this.ask(this.url, 'POST', 'application/sdp', connection.localDescription.sdp);
    if (answer.status !== 201) throw new Refusal(answer.status, body);
    this.resource = new URL(answer.headers.get('Location'), this.url);
    this.relays = relaysOf(answer.headers.get('Link'));
    if (!this.open) return this.drop();
    await connection.setRemoteDescription({ type: 'answer', sdp: body });
    // A direct path that works is found by then; the server's TURN is tried beside it.
    this.patience = setTimeout(() => connection.connectionState !== 'connected' && this.restart(), 500 + 2 * (performance.now() - began));
  }

  async ask(url, method, type, body) {
    const headers = { ...this.headers, 'Content-Type': type, ...(method === 'PATCH' && { 'If-Match': '*' }) };
    const answer = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(answerWithin) });
    return { answer, body: await answer.text() };
  }

  changed(state) {
    if (state === 'connected') {
      this.wasLive = true;
      this.told('live');
    } else if (state === 'disconnected') {
      this.told('lost');
      this.restart();
    } else if (state === 'failed' || state === 'closed') this.end();
  }

  /** Looks for another path, through the server's TURN if need be (RFC 9725 §4.3.3), until there is one. */
  async restart() {
    const { connection, resource } = this;
    if (this.restarting === connection || !resource) return;
    this.restarting = connection;
    connection.setConfiguration({ iceServers: this.relays });
    for (const pause of pauses()) {
      if (this.resource !== resource) break;
      try {
        const status = await this.move(connection);
        if (status === 200) break;
        if (status >= 400 && status < 500) {
          this.end(); // the server was restarted, or has ended it: it knows no such connection
          break;
        }
      } catch {
        // The network is still away, or the connection was closed meanwhile.
      }
      await wait(pause);
    }
    if (this.restarting === connection) this.restarting = undefined;
  }

  /** Exchanges new credentials for a path with the server. */
  async move(connection) {
    connection.restartIce();
    await connection.setLocalDescription();
    const { sdp } = connection.localDescription;
    const fragment = [lineOf(sdp, 'ice-ufrag'), lineOf(sdp, 'ice-pwd'), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', lineOf(sdp, 'mid'), ''].join('\r\n');
    const { answer, body } = await this.ask(this.resource, 'PATCH', 'application/trickle-ice-sdpfrag', fragment);
    if (answer.status === 200) {
      const before = connection.currentRemoteDescription.sdp;
      const after = ['ice-ufrag', 'ice-pwd'].reduce((text, name) => text.replaceAll(new RegExp(`^a=${name}:.*$`, 'gm'), lineOf(body, name)), before);
      await connection.setRemoteDescription({ type: 'answer', sdp: after });
    }
    return answer.status;
  }

  /** Lets go of the connection, and tells the server if it can be told. */
  drop() {
    const { connection, resource } = this;
    clearTimeout(this.patience);
    this.resource = undefined;
    if (connection) connection.onconnectionstatechange = null;
    connection?.close();
    // It ends by itself in a while if this does not arrive.
    if (resource) fetch(resource, { method: 'DELETE', headers: this.headers, keepalive: true }).catch(() => {});
  }

  close() {
    this.open = false;
    this.drop();
    this.end();
  }
}
