// @ts-check
// A media connection to the server: by messages of the events socket while that is open,
// otherwise by WHIP or WHEP. docs/protocol.md describes the requests.

import { Client } from './wire.js';

const firstPause = 250; // ms between attempts, doubled each time up to
const lastPause = 8000;
const requestTimeout = 5000; // ms

/** Waits for about ms milliseconds: spread, so that not all pages return at once to a server that restarted. */
export const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));

/**
 * Yields the pauses between attempts. Begin anew after an attempt that succeeded.
 * @returns {Generator<number, never>}
 */
export function* pauses() {
  for (let pause = firstPause; ; pause = Math.min(2 * pause, lastPause)) yield pause;
}

/**
 * Reads the reason from a problem document (RFC 9457).
 * @param {string} body
 * @returns {string | undefined}
 */
export function reasonOf(body) {
  try {
    const problem = JSON.parse(body);
    return problem.detail ?? problem.title;
  } catch {
    return undefined;
  }
}

/** A request that the server refused. It is final if another attempt can't succeed. */
export class RefusedError extends Error {
  constructor(/** @type {number} */ status, /** @type {string | undefined} */ reason) {
    super(reason ?? `The server answered ${status}.`);
    this.final = [401, 403, 422].includes(status);
  }
}

/** Reads the TURN servers from the Link headers of an answer (RFC 9725 §4.6). */
function turnServersOf(/** @type {string | null} */ header) {
  const links = (header ?? '').matchAll(/<(turns?:[^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g);
  return [...links].map(([, urls, username, credential]) => ({ urls, username, credential }));
}

const lineOf = (/** @type {string} */ sdp, /** @type {string} */ name) => sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0].trim();

/**
 * Adds to an offer what browsers support but don't offer by themselves: NACK for
 * audio, receiver reference time reports (RFC 3611), and that Chromium accepts no
 * H.264 keyframe whose parameter sets were lost, which it would decode with those
 * of another layer.
 * @param {string} sdp
 */
function extendOffer(sdp) {
  return sdp
    .replaceAll(/^a=rtpmap:(\d+) opus\/.*\r\n/gim, (line, pt) => `${line}a=rtcp-fb:${pt} nack\r\n`)
    .replaceAll(/^a=rtcp-fb:(\d+) transport-cc\r\n/gm, (line, pt) => `${line}a=rtcp-fb:${pt} rrtr\r\n`)
    .replaceAll(/^a=fmtp:\d+ .*packetization-mode=[^\r]*/gm, '$&;sps-pps-idr-in-keyframe=1');
}

/** @typedef {'live' | 'lost' | 'refused'} State */
/** @typedef {{ requests: import('./requests.js').Requests, whipUrl: string, token: string }} Server */

/** A media connection that reconnects when it ends, until it is closed. */
export class MediaConnection {
  /**
   * @param {Server} server
   * @param {string | undefined} publisher the id of the participant to receive; without one, media are published
   * @param {(peer: RTCPeerConnection) => void} prepare adds the media to each new RTCPeerConnection
   * @param {(state: State, reason?: string) => void} onState is called on each change: with "lost" it
   *   has the server's reason if there is one, and after "refused" there are no more attempts
   */
  constructor({ requests, whipUrl, token }, publisher, prepare, onState) {
    this.requests = requests;
    this.publisher = publisher;
    this.url = publisher === undefined ? whipUrl : `${whipUrl}/subscribe/${encodeURIComponent(publisher)}`;
    this.headers = { Authorization: `Bearer ${token}` };
    this.prepare = prepare;
    this.onState = onState;
    this.open = true;
    this.wasLive = false;
    /** @type {() => void} */
    this.end = () => {};
    /** @type {RTCPeerConnection | undefined} */
    this.peer = undefined;
    /** @type {URL | undefined} */
    this.resource = undefined;
    /** @type {string | undefined} what messages call the resource */
    this.connection = undefined;
    /** @type {RTCPeerConnection | undefined} */
    this.restarting = undefined;
    this.run();
  }

  async run() {
    let pausing = pauses();
    while (this.open) {
      let reason;
      this.wasLive = false;
      const ended = new Promise((resolve) => (this.end = () => resolve(undefined)));
      try {
        await this.connect();
        await ended;
      } catch (error) {
        if (error instanceof RefusedError) reason = error.message;
        if (error instanceof RefusedError && error.final) {
          this.close();
          return this.onState('refused', reason);
        }
      }
      if (this.wasLive) pausing = pauses();
      this.release();
      if (!this.open) return;
      this.onState('lost', reason);
      await wait(pausing.next().value);
    }
  }

  async connect() {
    const peer = (this.peer = new RTCPeerConnection());
    peer.onconnectionstatechange = () => this.stateChanged(peer.connectionState);
    this.prepare(peer);
    const began = performance.now();
    const offer = await peer.createOffer();
    await peer.setLocalDescription({ type: 'offer', sdp: extendOffer(offer.sdp) }).catch(() => peer.setLocalDescription(offer));
    const sdp = (await this.offerByMessage(peer.localDescription.sdp)) ?? (await this.offerByHTTP(peer.localDescription.sdp));
    if (!this.open) return this.release();
    await peer.setRemoteDescription({ type: 'answer', sdp });
    // A direct path is found by then if there is one. After that the server's TURN is tried as well.
    this.turnTimer = setTimeout(() => peer.connectionState !== 'connected' && this.restart(), 500 + 2 * (performance.now() - began));
  }

  /** Makes the offer on the events socket; undefined if HTTP has to do. */
  async offerByMessage(/** @type {string} */ offer) {
    const { publisher: participantId } = this;
    const reply = await (participantId === undefined
      ? this.requests.send(Client.Publish, { offer })
      : this.requests.send(Client.Subscribe, { participantId, offer }));
    if (reply?.error) throw new RefusedError(reply.error.status, reply.error.detail ?? reply.error.title);
    if (!reply) return undefined;
    this.resource = new URL(reply.location, this.url);
    this.connection = reply.connection;
    this.turnServers = (reply.iceServers ?? []).filter(({ urls }) => urls.startsWith('turn')); // STUN is of no use: the server is ICE-lite
    return reply.answer;
  }

  async offerByHTTP(/** @type {string} */ offer) {
    const { answer, body } = await this.request(this.url, 'POST', 'application/sdp', offer);
    if (answer.status !== 201) throw new RefusedError(answer.status, reasonOf(body));
    this.resource = new URL(answer.headers.get('Location'), this.url);
    this.connection = undefined;
    this.turnServers = turnServersOf(answer.headers.get('Link'));
    return body;
  }

  /**
   * @param {string | URL} url
   * @param {string} method
   * @param {string} type
   * @param {string} body
   */
  async request(url, method, type, body) {
    const headers = { ...this.headers, 'Content-Type': type, ...(method === 'PATCH' && { 'If-Match': '*' }) };
    const answer = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(requestTimeout) });
    return { answer, body: await answer.text() };
  }

  stateChanged(/** @type {RTCPeerConnectionState} */ state) {
    if (state === 'connected') {
      this.wasLive = true;
      this.onState('live');
    } else if (state === 'disconnected') {
      this.onState('lost');
      this.restart();
    } else if (state === 'failed' || state === 'closed') this.end();
  }

  /**
   * Restarts ICE, with the server's TURN, until the server has answered (RFC 9725 §4.3.3). Not
   * by message: where the path of media broke, that of the socket is as dead.
   */
  async restart() {
    const { peer, resource } = this;
    if (this.restarting === peer || !resource) return;
    this.restarting = peer;
    peer.setConfiguration({ iceServers: this.turnServers });
    for (const pause of pauses()) {
      if (this.resource !== resource) break;
      try {
        const status = await this.exchangeCredentials(peer);
        if (status === 200) break;
        if (status >= 400 && status < 500) {
          this.end(); // the server restarted or ended the connection: it does not know it any more
          break;
        }
      } catch {
        // The network is still away, or the connection was closed meanwhile.
      }
      await wait(pause);
    }
    if (this.restarting === peer) this.restarting = undefined;
  }

  /** Sends new ICE credentials and applies those of the server. */
  async exchangeCredentials(/** @type {RTCPeerConnection} */ peer) {
    peer.restartIce();
    await peer.setLocalDescription();
    const { sdp } = peer.localDescription;
    const fragment = [lineOf(sdp, 'ice-ufrag'), lineOf(sdp, 'ice-pwd'), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', lineOf(sdp, 'mid'), ''].join('\r\n');
    const { answer, body } = await this.request(this.resource, 'PATCH', 'application/trickle-ice-sdpfrag', fragment);
    if (answer.status === 200) {
      const before = peer.currentRemoteDescription.sdp;
      const after = ['ice-ufrag', 'ice-pwd'].reduce((text, name) => text.replaceAll(new RegExp(`^a=${name}:.*$`, 'gm'), lineOf(body, name)), before);
      await peer.setRemoteDescription({ type: 'answer', sdp: after });
    }
    return answer.status;
  }

  /** Closes the RTCPeerConnection, and the server's end if it can be reached. */
  release() {
    const { peer, resource, connection } = this;
    clearTimeout(this.turnTimer);
    this.resource = this.connection = undefined;
    if (peer) peer.onconnectionstatechange = null;
    peer?.close();
    if (resource) this.endResource(resource, connection);
  }

  /**
   * Ends the server's end, which ends by itself if this does not arrive.
   * @param {URL} resource
   * @param {string | undefined} connection
   */
  async endResource(resource, connection) {
    // Before anything is awaited: the page may be about to close.
    const ending = connection === undefined ? undefined : this.requests.send(Client.End, { connection });
    if (ending && (await ending)) return;
    await fetch(resource, { method: 'DELETE', headers: this.headers, keepalive: true }).catch(() => {});
  }

  close() {
    this.open = false;
    this.release();
    this.end();
  }
}
