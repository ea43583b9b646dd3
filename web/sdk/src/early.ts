import { type MediaServer, makeOffer } from './media.ts';
import type { Reply } from './wire.ts';

/** A connection that the server has answered, before the answer is applied. */
export interface EarlyConnection {
  peer: RTCPeerConnection;
  reply: Reply;
  /** How long the answer took, in milliseconds. */
  took: number;
}

/**
 * Offers to receive the first publishers of a stage, sent with the request to join it: their
 * pictures come a round trip earlier than if the state had to come first.
 */
export class EarlySubscriptions {
  private readonly all: Promise<EarlyConnection | undefined>[];
  private readonly taken = new Set<EarlyConnection>();

  constructor(
    private readonly server: MediaServer,
    readonly count: number,
  ) {
    this.all = Array.from({ length: count }, (_, i) => this.request(i + 1));
  }

  /**
   * Returns the connection of a publisher, which is the caller's from then on; undefined if there is
   * none. Of two the later has replaced the other one: whoever begins to publish meanwhile moves the
   * others to the next place.
   */
  async take(participantId: string): Promise<EarlyConnection | undefined> {
    const all = (await Promise.all(this.all)).filter((early) => early?.reply.participantId === participantId);
    const last = all.at(-1);
    if (last) this.taken.add(last);
    return last;
  }

  /** Ends the connections that nobody has taken. */
  async close(): Promise<void> {
    for (const early of await Promise.all(this.all)) if (early && !this.taken.has(early)) discard(this.server, early);
  }

  private async request(place: number): Promise<EarlyConnection | undefined> {
    let peer: RTCPeerConnection | undefined;
    try {
      peer = new RTCPeerConnection();
      for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
      const offer = await makeOffer(peer);
      const began = performance.now();
      const reply = await this.server.link.request({ type: 'SUBSCRIBE', payload: { place, offer } });
      if (reply?.connection && reply.participantId) return { peer, reply, took: performance.now() - began };
    } catch {
      // The subscription begins without it, and reports what the browser refuses.
    }
    peer?.close();
    return undefined;
  }
}

/** Ends a connection that nobody uses. */
export function discard({ link }: MediaServer, { peer, reply }: EarlyConnection): void {
  peer.close();
  void link.request({ type: 'END', payload: { connection: reply.connection! } });
}
