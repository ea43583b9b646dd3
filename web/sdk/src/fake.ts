// Stand-ins for what a browser has: tests play the server's part.

import type { ClientMessage, Participant, ServerMessage } from './wire.ts';

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: ClientMessage[] = [];
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(code = 1005): void {
    this.readyState = 3;
    this.closedWith ??= code;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  deliver(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  break(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  sentOf(type: ClientMessage['type']): ClientMessage[] {
    return this.sent.filter((m) => m.type === type);
  }
}

/** A peer connection that does as it is told. */
export class FakePeer {
  static all: FakePeer[] = [];
  connectionState = 'new';
  localDescription = { sdp: 'v=0\r\n' };
  currentRemoteDescription = { sdp: 'v=0\r\n' };
  onconnectionstatechange: (() => void) | null = null;
  private readonly transceivers: { sender: object; receiver: object; currentDirection: string; setCodecPreferences(): void }[] = [];

  constructor() {
    FakePeer.all.push(this);
  }

  addTransceiver(what: string | FakeTrack, { direction }: { direction: string }): object {
    const kind = typeof what === 'string' ? what : what.kind;
    const sender = { track: what, replaceTrack: async (): Promise<void> => {}, getParameters: () => ({ encodings: [] }), setParameters: async () => {} };
    const transceiver = { sender, receiver: { track: new FakeTrack(kind), jitterBufferTarget: null }, currentDirection: direction, setCodecPreferences: () => {} };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }

  getTransceivers(): object[] {
    return this.transceivers;
  }

  async createOffer(): Promise<{ type: string; sdp: string }> {
    return { type: 'offer', sdp: 'v=0\r\n' };
  }

  getConfiguration(): object {
    return {};
  }

  setConfiguration(): void {}
  restartIce(): void {}
  async setLocalDescription(): Promise<void> {}

  async setRemoteDescription(description: { sdp: string }): Promise<void> {
    this.currentRemoteDescription = description;
  }

  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close(): void {
    this.connectionState = 'closed';
  }
}

export class FakeTrack {
  readonly id = crypto.randomUUID();
  enabled = true;

  constructor(readonly kind: string) {}

  getSettings(): object {
    return { width: 1280, height: 720 };
  }
}

/** Puts the stand-ins in place. */
export function installFakes(): void {
  FakeSocket.all = [];
  FakePeer.all = [];
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    RTCPeerConnection: FakePeer,
    MediaStream: class {},
    RTCRtpSender: { getCapabilities: () => ({ codecs: [] }), prototype: {} },
  });
}

/** The newest of the sockets or peers. */
export const newest = <T>(all: T[]): T => all.at(-1)!;

/** Lets everything happen that waits for no time to pass. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export function tokenOf(claims: object = {}): string {
  const payload = {
    jti: 'self', topic: 'stage', whip_url: 'https://s.example/whip', events_url: 'wss://s.example/events', user_id: 'ann', attributes: {},
    capabilities: { allow_publish: true, allow_subscribe: true }, ...claims,
  };
  return ['{}', JSON.stringify(payload), ''].map((part) => Buffer.from(part).toString('base64url')).join('.');
}

export const participantOf = (id: string, more: Partial<Participant> = {}): Participant => ({
  id, userId: id, attributes: {}, capabilities: ['PUBLISH', 'SUBSCRIBE'], isPublishing: false, audioMuted: false, videoStopped: false, ...more,
});
