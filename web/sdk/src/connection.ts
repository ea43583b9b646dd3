import { RealTimeConnectionError, RealTimeConnectionErrorCode as Code } from './connection-error.ts';
import { Emitter } from './emitter.ts';
import { Refusal, StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
import { type Link, type LinkListener, ReconnectingSocket } from './link.ts';
import { Retry, giveUpAfter } from './retry.ts';
import { withResolvers } from './resolvers.ts';
import type { Request } from './socket.ts';
import { parseConnectionToken } from './token.ts';
import type { ClientMessage, Reply, ServerMessage } from './wire.ts';

export enum RealTimeConnectionState {
  DISCONNECTED = 'disconnected',
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
}

export type RealTimeConnectionEventMap = {
  /** A failure disconnects, with an error. */
  stateChanged: (state: RealTimeConnectionState, error?: RealTimeConnectionError) => void;
};

/** One connection to the server that carries any number of stages of one account. */
export class RealTimeConnection extends Emitter<RealTimeConnectionEventMap> {
  private socket: ReconnectingSocket | undefined;
  private current = RealTimeConnectionState.DISCONNECTED;
  private readonly attachments = new Map<string, Attachment>();
  private lastName = 0;
  private connecting: PromiseWithResolvers<void> | undefined;
  private readonly url: string;

  /** Throws a {@link RealTimeConnectionError} if the token is malformed or expired. */
  constructor(private readonly connectionToken: string) {
    super();
    this.url = parseConnectionToken(connectionToken).events_url;
  }

  get state(): RealTimeConnectionState {
    return this.current;
  }

  /** Connects now. Without it the first stage that joins connects. Throws if the token is expired. */
  connect(): Promise<void> {
    parseConnectionToken(this.connectionToken);
    return this.open();
  }

  private open(): Promise<void> {
    if (!this.connecting) {
      this.connecting = withResolvers<void>();
      this.connecting.promise.catch(() => {}); // stages get the error by themselves
      this.setState(RealTimeConnectionState.CONNECTING);
      this.socket = new ReconnectingSocket(this.url, () => this.connectionToken, {
        opened: () => this.opened(),
        message: (message) => this.receive(message),
        lost: () => this.lost(),
        failed: (error) => this.end('unknown', error),
      });
    }
    return this.connecting.promise;
  }

  /** Leaves all stages on this connection. It can be connected again afterwards. */
  disconnect(): void {
    this.socket?.close();
    this.end('real-time-connection-forced-leave');
  }

  /** @internal */
  get roundTrip(): number | undefined {
    return this.socket?.roundTrip;
  }

  /** @internal Attaches a stage; the link is of that stage alone. */
  attach(token: () => string, listener: LinkListener): Link {
    const name = `s${++this.lastName}`;
    const attachment = new Attachment(this, name, token, listener);
    this.attachments.set(name, attachment);
    void this.open(); // with an expired token the server says why not
    if (this.current === RealTimeConnectionState.CONNECTED) attachment.open();
    return attachment;
  }

  /** @internal */
  detach(name: string): void {
    this.attachments.delete(name);
  }

  /** @internal */
  send(message: ClientMessage): boolean {
    return this.socket?.send(message) ?? false;
  }

  /** @internal */
  request(message: Omit<Request, 'id'>): Promise<Reply | undefined> {
    return this.socket?.request(message) ?? Promise.resolve(undefined);
  }

  /** @internal */
  reconnect(): void {
    this.socket?.reconnect();
  }

  private opened(): void {
    this.setState(RealTimeConnectionState.CONNECTED);
    this.connecting?.resolve();
    for (const attachment of this.attachments.values()) attachment.open();
  }

  private lost(): void {
    this.setState(RealTimeConnectionState.CONNECTING);
    for (const attachment of [...this.attachments.values()]) attachment.lost();
  }

  private receive(message: ServerMessage): void {
    if (message.type === 'CONNECTION_CLOSED') {
      const { reason, code, detail } = message.payload;
      this.socket?.close();
      const error = code ? new Refusal(403, code, detail ?? code).asStageError(StageErrorCategory.JOIN_ERROR) : undefined;
      return this.end(reason, error);
    }
    if (message.type === 'GOING_AWAY' && !message.attachment) return; // the stages say the same
    this.attachments.get(message.attachment ?? '')?.receive(message);
  }

  /** Ends all attachments. */
  private end(reason: string, error?: StageError): void {
    const { connecting } = this;
    const failure = error && failureOf(error);
    this.socket = this.connecting = undefined;
    this.setState(RealTimeConnectionState.DISCONNECTED, failure);
    connecting?.reject(failure ?? new RealTimeConnectionError(Code.CONNECTION_FAILED, 'The connection was disconnected.'));
    const all = [...this.attachments.values()];
    this.attachments.clear();
    for (const attachment of all) attachment.connectionEnded(reason, error);
  }

  private setState(state: RealTimeConnectionState, error?: RealTimeConnectionError): void {
    if (this.current === state && !error) return;
    this.current = state;
    this.emit('stateChanged', state, error);
  }
}

function failureOf({ code, message, serverCode }: StageError): RealTimeConnectionError {
  const token = code === StageErrorCode.TOKEN_EXPIRED ? Code.CONNECTION_TOKEN_EXPIRED : code === StageErrorCode.TOKEN_MALFORMED ? Code.CONNECTION_TOKEN_INVALID : undefined;
  return new RealTimeConnectionError(token ?? Code.CONNECTION_FAILED, message, serverCode);
}

/** One stage on a connection. */
class Attachment implements Link {
  private readonly retry = new Retry();
  private closed = false;
  private attached = false; // once, at least
  private asked = 0; // how often the stage was asked for
  private answerTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly waiting = new Set<() => void>(); // for replies, which do not come once the stage is left

  constructor(
    private readonly connection: RealTimeConnection,
    private readonly attachment: string,
    private readonly token: () => string,
    private readonly listener: LinkListener,
  ) {}

  get roundTrip(): number | undefined {
    return this.connection.roundTrip;
  }

  /** Joins the stage, on a connection that is open. */
  open(): void {
    this.asked++;
    this.stopAnswerTimer();
    this.answerTimer = setTimeout(() => this.unanswered(), giveUpAfter);
    this.send({ type: 'ATTACH', payload: { token: this.token(), changesOnly: true } });
  }

  lost(): void {
    this.stopAnswerTimer();
    if (!this.closed) this.listener.lost();
  }

  send(message: ClientMessage): boolean {
    return !this.closed && this.connection.send({ ...message, attachment: this.attachment });
  }

  request(message: Omit<Request, 'id'>): Promise<Reply | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (reply?: Reply): void => {
        this.waiting.delete(settle);
        resolve(reply);
      };
      this.waiting.add(settle);
      void this.connection.request({ ...message, attachment: this.attachment }).then(settle);
    });
  }

  reconnect(): void {
    this.connection.reconnect();
  }

  close(): void {
    if (this.closed) return;
    this.send({ type: 'DETACH' });
    this.shut();
  }

  receive(message: ServerMessage): void {
    if (this.closed) return;
    switch (message.type) {
      case 'ATTACHED':
        this.attached = true;
        this.stopAnswerTimer();
        this.retry.reset();
        return this.listener.opened();
      case 'ATTACH_FAILED':
        return void this.failed(message.payload.code, message.payload.detail, message.payload.retryAfter);
      case 'GOING_AWAY': // the attachment is gone: another one takes its place
        this.listener.message(message);
        this.listener.lost();
        return void this.attachAgain();
      default:
        this.listener.message(message);
    }
  }

  connectionEnded(reason: string, error?: StageError): void {
    if (this.closed) return;
    this.closed = true;
    this.stopAnswerTimer();
    const payload = { reason, detail: error?.message, code: error?.serverCode } as Extract<ServerMessage, { type: 'CONNECTION_CLOSED' }>['payload'];
    if (reason === 'unknown' && error) this.listener.failed(error);
    else this.listener.message({ type: 'CONNECTION_CLOSED', payload });
  }

  private async failed(code: string, detail = code, retryAfter = 0): Promise<void> {
    this.retry.begin();
    this.stopAnswerTimer();
    if (this.attached && retryAfter > 0 && !this.retry.exhausted) return this.attachAgain(retryAfter);
    this.shut();
    this.listener.failed(new Refusal(403, code, detail).asStageError(StageErrorCategory.JOIN_ERROR));
  }

  private unanswered(): void {
    this.close();
    this.listener.failed(new StageError(StageErrorCode.TIMEOUT, StageErrorCategory.JOIN_ERROR, 'The server does not answer the request to join the stage.'));
  }

  private stopAnswerTimer(): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = undefined;
  }

  private async attachAgain(seconds = 0): Promise<void> {
    const { asked } = this;
    await this.retry.wait(1000 * seconds);
    if (asked !== this.asked) return; // a connection that opened meanwhile has asked for it
    if (!this.closed && this.connection.state === RealTimeConnectionState.CONNECTED) this.open();
  }

  private shut(): void {
    this.closed = true;
    this.stopAnswerTimer();
    this.connection.detach(this.attachment);
    for (const settle of this.waiting) settle();
    this.retry.now();
  }
}
