import { type EarlyConnection, discard } from './early.ts';
import { Refusal, StageError, type StageErrorCategory, StageErrorCode } from './errors.ts';
import type { Link } from './link.ts';
import { Retry } from './retry.ts';
import { extendOffer, restartFragment, turnServers, withCredentials } from './sdp.ts';
import type { Flow, Reply, SelectLayer } from './wire.ts';

const requestTimeout = 5000; // ms

/** How a media connection reaches the server. */
export interface MediaServer {
  readonly link: Link;
  readonly whipUrl: string;
  token(): string;
}

/** What a media connection carries, and who is told what becomes of it. */
export interface MediaUser {
  readonly category: StageErrorCategory;
  /** The id of the participant to receive; without one, media are published. */
  readonly publisher?: string;
  readonly configuration?: RTCConfiguration;
  /** Adds the media to each new peer connection. */
  prepare(peer: RTCPeerConnection): void;
  /** Changes an answer before it is applied. */
  adapt?(answer: string): string;
  /** The answer is applied: what is received is known. */
  answered?(peer: RTCPeerConnection): void;
  live(): void;
  /** The media stopped; they are connected anew. */
  lost(): void;
  /** There are no more attempts. */
  failed(error: StageError): void;
}

const relayAfter = 500; // ms and two round trips until TURN is tried
const handshakeAfter = 4000; // ms more for the handshake, where ICE has found a path

/** A media connection that connects anew when it ends, until it is closed. */
export class MediaConnection {
  peer: RTCPeerConnection | undefined;
  wasLive = false;
  private open = true;
  private resource: URL | undefined;
  private connection: string | undefined; // what messages call the resource
  private turn: RTCIceServer[] = [];
  private restarting: RTCPeerConnection | undefined;
  private restarts: Retry | undefined; // pauses between restarts of ICE
  private readonly retry = new Retry();
  private turnTimer: ReturnType<typeof setTimeout> | undefined;
  private endAttempt = (): void => {};

  constructor(
    private readonly server: MediaServer,
    private readonly user: MediaUser,
    private early?: Promise<EarlyConnection | undefined>, // for the first attempt
  ) {
    void this.run();
  }

  /** Ends the peer connection; the next one follows at once. */
  renew(): void {
    this.retry.now();
    this.endAttempt();
  }

  /** The network is another: what waits goes on at once. */
  networkChanged(): void {
    this.retry.wake();
    this.restarts?.wake();
    void this.restart();
  }

  /** Ends all at once. With leaving, the request to end it survives the page. */
  close(leaving = false): void {
    this.open = false;
    this.release(leaving);
    this.retry.now();
    this.endAttempt();
  }

  private get url(): string {
    const { publisher } = this.user;
    return publisher === undefined ? this.server.whipUrl : `${this.server.whipUrl}/subscribe/${encodeURIComponent(publisher)}`;
  }

  private async run(): Promise<void> {
    while (this.open) {
      this.wasLive = false;
      this.retry.begin();
      const failure = await this.attempt();
      if (!this.open) return;
      this.release();
      const refusal = failure instanceof Refusal ? failure : undefined;
      const error = failure instanceof StageError ? failure : refusal?.asStageError(this.user.category);
      if (failure instanceof StageError || refusal?.final || this.retry.exhausted) {
        this.open = false;
        return this.user.failed(error ?? new StageError(StageErrorCode.TIMEOUT, this.user.category, 'The media do not get through to the server.'));
      }
      this.user.lost();
      await this.retry.wait(1000 * (refusal?.retryAfter ?? 0));
    }
  }

  /** Runs one peer connection until it ends; returns why the server or the browser refused it, if they did. */
  private async attempt(): Promise<Refusal | StageError | undefined> {
    const ended = new Promise<void>((resolve) => (this.endAttempt = resolve));
    try {
      await this.connect();
      await ended;
    } catch (error) {
      if (error instanceof Refusal || error instanceof StageError) return error;
    }
    return undefined;
  }

  private async connect(): Promise<void> {
    const early = this.early && (await this.early);
    this.early = undefined;
    if (early && !this.open) return discard(this.server, early);
    const peer = this.newPeer(early?.peer);
    const began = performance.now() - (early?.took ?? 0);
    const sdp = early ? this.answered(early.reply) : await this.offer(await makeOffer(peer));
    if (!this.open || peer !== this.peer) return this.release();
    await peer.setRemoteDescription({ type: 'answer', sdp: this.user.adapt?.(sdp) ?? sdp });
    this.user.answered?.(peer);
    // A direct path is found by then if there is one. After that the server's TURN is tried as well.
    this.turnTimer = setTimeout(() => this.tryTurn(peer, true), relayAfter + 2 * (performance.now() - began));
  }

  /** Restarts ICE for the server's TURN. With a path that works, the handshake on it gets more time once: a restart would take longer. */
  private tryTurn(peer: RTCPeerConnection, patient: boolean): void {
    if (peer.connectionState === 'connected') return;
    if (patient && ['connected', 'completed'].includes(peer.iceConnectionState)) this.turnTimer = setTimeout(() => this.tryTurn(peer, false), handshakeAfter);
    else void this.restart();
  }

  /** Makes a peer connection with the media, or takes one that was made. What the browser refuses of its configuration, it refuses each time. */
  private newPeer(made?: RTCPeerConnection): RTCPeerConnection {
    try {
      const peer = (this.peer = made ?? new RTCPeerConnection(this.user.configuration));
      peer.onconnectionstatechange = () => this.stateChanged(peer);
      this.user.prepare(peer);
      return peer;
    } catch (error) {
      throw new StageError(StageErrorCode.FAILED, this.user.category, (error as Error).message);
    }
  }

  /** Makes the offer on the events socket, or by HTTP where that has to do. */
  private async offer(offer: string): Promise<string> {
    const { publisher: participantId } = this.user;
    const reply = await this.server.link.request(
      participantId === undefined ? { type: 'PUBLISH', payload: { offer } } : { type: 'SUBSCRIBE', payload: { participantId, offer } },
    );
    if (reply?.error) throw Refusal.of(reply.error);
    if (reply) return this.answered(reply);
    if (!this.open) throw new Error('closed'); // the link ended without a reply because the stage was left
    const answer = await this.fetch(this.url, 'POST', 'application/sdp', offer);
    if (answer.status !== 201) throw await Refusal.from(answer);
    this.resource = new URL(answer.headers.get('Location')!, this.url);
    this.connection = undefined;
    this.turn = turnServers(answer.headers.get('Link'));
    return answer.text();
  }

  /** Takes over what the server says of the connection, and returns its answer. */
  private answered({ location, connection, iceServers, answer }: Reply): string {
    this.resource = new URL(location!, this.url);
    this.connection = connection;
    this.turn = (iceServers ?? []).filter(({ urls }) => urls.startsWith('turn')); // STUN is of no use: the server is ICE-lite
    return answer!;
  }

  private fetch(url: string | URL, method: string, type: string, body: string): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.server.token()}`, 'Content-Type': type, ...(method === 'PATCH' && { 'If-Match': '*' }) };
    return fetch(url, { method, headers, body, signal: AbortSignal.timeout(requestTimeout) });
  }

  private stateChanged(peer: RTCPeerConnection): void {
    if (peer !== this.peer) return;
    const state = peer.connectionState;
    if (state === 'connected') {
      this.wasLive = true;
      this.retry.reset();
      this.user.live();
    } else if (state === 'disconnected') {
      this.user.lost();
      void this.restart();
    } else if (state === 'failed' || state === 'closed') this.endAttempt();
  }

  /**
   * Restarts ICE, with the server's TURN, until the server has answered. Not by message:
   * where the path of media broke, that of the socket is as dead.
   */
  private async restart(): Promise<void> {
    const { peer, resource } = this;
    if (!peer || !resource || this.restarting === peer) return;
    this.restarting = peer;
    const retry = (this.restarts = new Retry());
    retry.begin();
    while (this.resource === resource && !retry.exhausted) {
      try {
        peer.setConfiguration({ ...peer.getConfiguration(), iceServers: this.turn });
        const status = await this.exchangeCredentials(peer, resource);
        if (status === 200) break;
        if (status >= 400 && status < 500) {
          this.endAttempt(); // the server restarted or ended the connection: it does not know it any more
          break;
        }
      } catch {
        // The network is still away, or the connection was closed meanwhile.
      }
      await retry.wait();
    }
    if (this.restarting === peer) this.restarting = undefined;
    if (retry.exhausted && this.resource === resource) this.endAttempt();
  }

  /** Sends new ICE credentials and applies those of the server. */
  private async exchangeCredentials(peer: RTCPeerConnection, resource: URL): Promise<number> {
    peer.restartIce();
    await peer.setLocalDescription();
    const answer = await this.fetch(resource, 'PATCH', 'application/trickle-ice-sdpfrag', restartFragment(peer.localDescription!.sdp));
    if (answer.status === 200) {
      await peer.setRemoteDescription({ type: 'answer', sdp: withCredentials(peer.currentRemoteDescription!.sdp, await answer.text()) });
    }
    return answer.status;
  }

  /** Asks for a layer, or stops and resumes a medium. It is undefined if there is no connection yet. */
  async select(choice: Omit<SelectLayer, 'connection'>): Promise<Flow | undefined> {
    const { connection, resource } = this;
    if (!resource) return undefined;
    const reply = connection && (await this.server.link.request({ type: 'SELECT_LAYER', payload: { connection, ...choice } }));
    if (reply && reply.error) {
      if (reply.error.status === 404 && this.resource === resource) this.endAttempt();
      throw Refusal.of(reply.error);
    }
    if (reply) return reply.layer;
    if (this.resource !== resource) return undefined; // closed meanwhile
    const answer = await this.fetch(`${resource}/layer`, 'POST', 'application/json', JSON.stringify(choice));
    if (!answer.ok) throw await Refusal.from(answer);
    return (await answer.json()) as Flow;
  }

  /** Closes the peer connection, and the server's end if it can be reached. */
  private release(leaving = false): void {
    const { peer, resource, connection } = this;
    clearTimeout(this.turnTimer);
    this.peer = this.resource = this.connection = undefined;
    if (peer) peer.onconnectionstatechange = null;
    peer?.close();
    if (resource) void this.endResource(resource, leaving ? undefined : connection);
  }

  /** Ends the server's end, which ends by itself if this does not arrive. */
  private async endResource(resource: URL, connection: string | undefined): Promise<void> {
    // Before anything is awaited: the page may be about to close.
    const ending = connection === undefined ? undefined : this.server.link.request({ type: 'END', payload: { connection } });
    if (ending && (await ending)) return;
    await fetch(resource, { method: 'DELETE', headers: { Authorization: `Bearer ${this.server.token()}` }, keepalive: true }).catch(() => {});
  }
}

/** Has a peer connection offer its media, and more than browsers do by themselves. */
export async function makeOffer(peer: RTCPeerConnection): Promise<string> {
  const offer = await peer.createOffer();
  await peer.setLocalDescription({ type: 'offer', sdp: extendOffer(offer.sdp!) }).catch(() => peer.setLocalDescription(offer));
  return peer.localDescription!.sdp;
}
