import { readMessage, replyOf } from './message.ts';
import type { ClientMessage, Reply, ServerMessage } from './wire.ts';

const pingInterval = 2500; // ms
const unansweredPings = 2; // after which the socket is given up
const replyTimeout = 5000; // ms, after which a server is taken for one that does not know requests

export type Request = Extract<ClientMessage, { id: string }>;
type Waiting = (reply: Reply | undefined) => void;

/** What happens to a socket. */
export interface SocketListener {
  opened(): void;
  message(message: ServerMessage): void;
  closed(): void;
}

/** One WebSocket to the server: it is watched by pings, and carries requests. */
export class EventsSocket {
  /** The time from the first ping to its answer, once known. */
  roundTrip: number | undefined;
  private readonly socket: WebSocket;
  private readonly waiting = new Map<string, Waiting>();
  private readonly pinging: ReturnType<typeof setInterval>;
  private unanswered = 0;
  private pinged = 0;
  private lastID = 0;
  private ended = false;

  constructor(
    url: string,
    token: string,
    private readonly listener: SocketListener,
  ) {
    this.socket = new WebSocket(url, [token]);
    this.pinging = setInterval(() => this.ping(), pingInterval);
    this.socket.onopen = () => {
      this.unanswered = 0;
      this.ping();
      listener.opened();
    };
    this.socket.onclose = () => this.end();
    this.socket.onmessage = ({ data }) => this.receive(data);
  }

  get isOpen(): boolean {
    return !this.ended && this.socket.readyState === WebSocket.OPEN;
  }

  /** Sends a message; reports false if the socket is not open. */
  send(message: ClientMessage): boolean {
    if (!this.isOpen) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Makes a request. The reply is undefined if there is none, and HTTP has to do. */
  request(message: Omit<Request, 'id'>): Promise<Reply | undefined> {
    const id = `${++this.lastID}`;
    if (!this.send({ ...message, id } as Request)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const late = setTimeout(() => this.replied(id, undefined), replyTimeout);
      this.waiting.set(id, (reply) => {
        clearTimeout(late);
        resolve(reply);
      });
    });
  }

  /** Closes the socket. Its listener hears no more. */
  close(code?: number): void {
    if (this.ended) return;
    this.stop();
    this.socket.close(code);
  }

  /** Gives the socket up without the handshake of its end, which a dead network never brings. */
  abandon(): void {
    this.end();
  }

  private end(): void {
    if (this.ended) return;
    this.stop();
    this.socket.close();
    this.listener.closed();
  }

  private stop(): void {
    this.ended = true;
    clearInterval(this.pinging);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    for (const id of [...this.waiting.keys()]) this.replied(id, undefined);
  }

  /** Counts pings instead of time: timers of pages in the background come late. */
  private ping(): void {
    if (this.unanswered > unansweredPings) return this.end();
    this.unanswered++;
    this.pinged = performance.now();
    this.send({ type: 'PING' });
  }

  private receive(data: unknown): void {
    this.unanswered = 0;
    const message = readMessage(data);
    if (!message) return;
    if (message.type === 'PONG') this.roundTrip ??= performance.now() - this.pinged;
    else if (message.type === 'REPLY') this.replied(message.id, replyOf(message.payload));
    else this.listener.message(message);
  }

  private replied(id: string, reply: Reply | undefined): void {
    this.waiting.get(id)?.(reply);
    this.waiting.delete(id);
  }
}
