import { Refusal, StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
import { Retry } from './retry.ts';
import { EventsSocket, type Request } from './socket.ts';
import type { ClientMessage, Reply, ServerMessage } from './wire.ts';

/** The way of one stage's messages to the server and back. */
export interface Link {
  /** The round trip to the server in milliseconds, once known. */
  readonly roundTrip: number | undefined;
  send(message: ClientMessage): boolean;
  request(message: Omit<Request, 'id'>): Promise<Reply | undefined>;
  /** Leaves the stage. */
  close(): void;
  /** Ends the connection, or the pause after the last one, and connects anew at once: the network is another. */
  reconnect(): void;
}

/** What happens on a link. After failed nothing else does. */
export interface LinkListener {
  opened(): void;
  message(message: ServerMessage): void;
  /** The link is broken, and is connected anew. */
  lost(): void;
  failed(error: StageError): void;
}

/** A socket that is opened again when it breaks. */
export class ReconnectingSocket implements Link {
  private socket: EventsSocket | undefined;
  private readonly retry = new Retry();
  private everOpened = false;
  private answers = false; // to plain requests
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly token: () => string,
    private readonly listener: LinkListener,
  ) {
    void this.run();
  }

  get roundTrip(): number | undefined {
    return this.socket?.roundTrip;
  }

  send(message: ClientMessage): boolean {
    return this.socket?.send(message) ?? false;
  }

  request(message: Omit<Request, 'id'>): Promise<Reply | undefined> {
    return this.socket?.request(message) ?? Promise.resolve(undefined);
  }

  close(): void {
    this.closed = true;
    this.socket?.close(1000);
    this.retry.now();
  }

  reconnect(): void {
    this.socket?.abandon();
    this.retry.now();
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      this.retry.begin();
      let opened: boolean;
      try {
        opened = await this.runSocket();
      } catch (error) {
        // As for ws: on a page from https. The message is not passed on: it may have the token.
        return this.fail(new StageError(StageErrorCode.FAILED, StageErrorCategory.JOIN_ERROR, `The browser refuses to open the socket: ${(error as Error).name}.`));
      }
      if (this.closed) return;
      const refusal = opened ? undefined : await this.askRefusal();
      if (this.closed) return;
      if (refusal && (refusal.final || !this.everOpened)) return this.fail(refusal.asStageError(StageErrorCategory.JOIN_ERROR));
      if (this.retry.exhausted) return this.fail(refusal?.asStageError(StageErrorCategory.JOIN_ERROR) ?? this.unreachable());
      this.listener.lost();
      await this.retry.wait(1000 * (refusal?.retryAfter ?? 0));
    }
  }

  private fail(error: StageError): void {
    this.closed = true;
    this.listener.failed(error);
  }

  /** Runs one socket until it ends; reports whether it was open. */
  private runSocket(): Promise<boolean> {
    return new Promise((resolve) => {
      let opened = false;
      this.socket = new EventsSocket(this.url, this.token(), {
        opened: () => {
          opened = this.everOpened = true;
          this.retry.reset();
          this.listener.opened();
        },
        message: (message) => this.listener.message(message),
        closed: () => resolve(opened),
      });
    });
  }

  /**
   * Asks why the socket was refused: browsers don't say, but a plain request to the same
   * URL is answered with the reason.
   */
  private async askRefusal(): Promise<Refusal | undefined> {
    try {
      const answer = await fetch(this.url.replace(/^ws/, 'http'), {
        headers: { Authorization: `Bearer ${this.token()}` },
        signal: AbortSignal.timeout(5000),
      });
      this.answers = true;
      return [401, 403, 404, 429].includes(answer.status) ? await Refusal.from(answer) : undefined;
    } catch {
      this.answers = false;
      return undefined;
    }
  }

  private unreachable(): StageError {
    const why = this.answers ? 'The server answers, but something on the way blocks WebSockets.' : 'The server can not be reached.';
    return new StageError(StageErrorCode.FAILED, StageErrorCategory.JOIN_ERROR, why);
  }
}
