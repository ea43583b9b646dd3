import { RealTimeConnectionError, RealTimeConnectionErrorCode } from './connection-error.ts';
import { RealTimeConnection, RealTimeConnectionState } from './connection.ts';
import { Emitter, report } from './emitter.ts';
import { Refusal, StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
import { StageConnectionState as State, type StageEventMap, StageEvents, StageLeftReason, StageParticipantPublishState } from './events.ts';
import { type Link, type LinkListener, ReconnectingSocket } from './link.ts';
import type { LocalStageStream } from './local-stream.ts';
import type { MediaServer } from './media.ts';
import { ParticipantInfo, type StageParticipantInfo } from './participant.ts';
import { NoPictureReason } from './picture.ts';
import { Publication } from './publication.ts';
import { giveUpAfter } from './retry.ts';
import { QualityReporter } from './quality.ts';
import { Roster } from './roster.ts';
import type { StageStrategy } from './strategy.ts';
import { StreamType } from './stream.ts';
import { type Claims, changedClaim, parseToken } from './token.ts';
import { withResolvers } from './resolvers.ts';
import type { CloseNotice, Participant, ServerMessage } from './wire.ts';

export interface StageConfiguration {
  /** Carries this stage beside others. */
  realTimeConnection?: RealTimeConnection;
  /** False reports nothing of how well media get through to the server's quality history. */
  reportQuality?: boolean;
}

type Pending = { promise: Promise<void>; resolve(): void; reject(error: StageError): void };

/** A stage, as the holder of a participant token. */
export class Stage extends Emitter<StageEventMap> {
  private claims: Claims;
  private state = State.DISCONNECTED;
  private link: Link | undefined;
  private joining: Pending | undefined;
  private exchanging: Pending | undefined;
  private local!: ParticipantInfo;
  private publication!: Publication;
  private roster!: Roster;
  private fresh = false; // the link has brought no state yet
  private stateTimer: ReturnType<typeof setTimeout> | undefined; // runs from when a link opened until a state comes
  private reporter: QualityReporter | undefined;
  private linkToken = ''; // with which the link was opened

  constructor(
    private token: string,
    private strategy: StageStrategy,
    private readonly configuration: StageConfiguration = {},
  ) {
    super();
    this.claims = parseToken(token);
    const { realTimeConnection } = configuration;
    if (!realTimeConnection || realTimeConnection instanceof RealTimeConnection) return;
    throw new RealTimeConnectionError(RealTimeConnectionErrorCode.CONNECTION_NOT_RECOGNIZED, 'The connection was not made by this copy of the SDK.');
  }

  /** Joins; returns once the stage is known, and publishes and subscribes as the strategy says. */
  join(): Promise<void> {
    if (this.link) return this.joining?.promise ?? Promise.resolve();
    this.joining = withResolvers<void>();
    const { promise } = this.joining;
    this.local = new ParticipantInfo(this.claims.jti, true);
    this.local.setMetadata(this.metadataOfToken());
    this.setState(State.CONNECTING);
    this.link = this.openLink();
    const server = this.mediaServer(this.link);
    this.publication = new Publication(server, {
      stateChanged: (state) => this.publishStateChanged(state),
      streamsAdded: (streams) => {
        this.emit(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, this.local, streams);
        this.sendMute();
      },
      streamsRemoved: (streams) => this.emit(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, this.local, streams),
      muteChanged: (stream) => {
        this.sendMute();
        this.emit(StageEvents.STAGE_STREAM_MUTE_CHANGED, this.local, stream);
      },
      failed: (error) => this.emit(StageEvents.ERROR, error),
    });
    this.roster = new Roster(this.local, server, this, () => this.strategy, () => this.maySubscribe);
    const { realTimeConnection } = this.configuration;
    if (this.maySubscribe && realTimeConnection?.state === RealTimeConnectionState.CONNECTED) this.roster.expect(earlyPublishers);
    watched.add(this);
    if (this.configuration.reportQuality !== false) this.reporter = this.reportQuality();
    return promise;
  }

  /** Leaves; all streams are removed. */
  leave(): void {
    this.end(StageLeftReason.USER_INITIATED);
  }

  /** Asks the strategy anew, and does what differs. */
  refreshStrategy(): void {
    if (this.state === State.CONNECTED && !this.fresh) {
      this.publish();
      this.roster.refresh();
    }
  }

  replaceStrategy(strategy: StageStrategy): void {
    this.strategy = strategy;
    this.refreshStrategy();
  }

  /** Goes on with another token of this participant. Where the server refuses it, the stage is left. */
  exchangeToken(newToken: string): Promise<void> {
    let claims: Claims;
    try {
      claims = parseToken(newToken);
    } catch (error) {
      return Promise.reject(error);
    }
    const changed = changedClaim(this.claims, claims);
    if (changed) return Promise.reject(joinError(StageErrorCode.TOKEN_MALFORMED, `The new token differs in ${changed}.`));
    this.token = newToken;
    this.claims = claims;
    if (!this.link) return Promise.resolve();
    this.exchanging?.reject(joinError(StageErrorCode.CANCELED, 'A newer token was exchanged meanwhile.'));
    this.exchanging = withResolvers<void>();
    this.exchanging.promise.catch(() => {}); // the stage is left, which the application hears, too
    this.setLocalMetadata(this.metadataOfToken());
    this.link.send({ type: 'EXCHANGE_TOKEN', payload: { token: newToken } }); // a new link begins with the new token
    return this.exchanging.promise;
  }

  get connectionState(): State {
    return this.state;
  }

  /** This participant; undefined before it joined. */
  get localParticipant(): StageParticipantInfo | undefined {
    return this.local;
  }

  /** All participants that are known, this one first. */
  get participants(): StageParticipantInfo[] {
    return this.link ? [this.local, ...this.roster.participants] : [];
  }

  /** Why there is no picture of another participant; undefined if there is one. */
  whyNoPicture(participantId: string): NoPictureReason | undefined {
    return this.link ? this.roster.whyNoPicture(participantId) : NoPictureReason.NOT_ON_STAGE;
  }

  /** @internal The network is another: everything connects anew. */
  networkChanged(): void {
    this.link?.reconnect();
    this.publication.networkChanged();
    this.roster.networkChanged();
  }

  /** @internal The page closes: what is sent must outlive it. */
  pageHidden(): void {
    this.end(StageLeftReason.USER_INITIATED, true);
  }

  private get mayPublish(): boolean {
    return this.local.capabilities.has('PUBLISH');
  }

  private get maySubscribe(): boolean {
    return this.local.capabilities.has('SUBSCRIBE');
  }

  private openLink(): Link {
    const listener: LinkListener = {
      opened: () => this.opened(),
      message: (message) => this.receive(message),
      lost: () => this.lost(),
      failed: (error) => this.failed(error),
    };
    const { realTimeConnection } = this.configuration;
    const token = (): string => (this.linkToken = this.token);
    if (realTimeConnection) return realTimeConnection.attach(token, listener);
    return new ReconnectingSocket(`${this.claims.events_url}/${this.claims.topic}?changes=only`, token, listener);
  }

  private reportQuality(): QualityReporter {
    const { publication, roster } = this;
    const source = {
      get sending() {
        return publication.peer;
      },
      get receiving() {
        return roster.peers;
      },
    };
    return new QualityReporter(source, (payload) => this.link?.send({ type: 'QUALITY', payload }));
  }

  private mediaServer(link: Link): MediaServer {
    return { link, whipUrl: this.claims.whip_url, token: () => this.token };
  }

  private opened(): void {
    this.fresh = true;
    this.stateTimer ??= setTimeout(() => this.failed(joinError(StageErrorCode.TIMEOUT, 'The server does not send the state of the stage.')), giveUpAfter);
    this.link!.send({ type: 'CLIENT_INFO', payload: { sdkVersion } });
  }

  private lost(): void {
    this.publication.pauseLayers([]); // without a link nobody says when one is watched again
    if (this.state === State.CONNECTED) this.setState(State.ERRORED);
    this.setState(State.CONNECTING);
  }

  private failed(error: StageError): void {
    this.emit(StageEvents.ERROR, error);
    if (!this.joining) return this.end(StageLeftReason.UNKNOWN, false, error);
    this.setState(State.ERRORED);
    this.shut(error);
  }

  private receive(message: ServerMessage): void {
    switch (message.type) {
      case 'STAGE_STATE':
        return this.stageState(message.payload.participants);
      case 'PUBLISH_STATE':
        if (message.payload.participantId !== this.local.id) break;
        return this.localPublishState(message.payload);
      case 'LAYERS_UNUSED':
        return this.publication.pauseLayers(message.payload.labels);
      case 'TOKEN_EXCHANGED':
        this.setLocalMetadata(message.payload);
        return this.exchanged();
      case 'METADATA_CHANGED':
        if (message.payload.participantId !== this.local.id) break;
        return this.setLocalMetadata(message.payload);
      case 'GOING_AWAY':
        this.publication.renew();
        return this.roster.renew();
      case 'KICKED':
      case 'STAGE_DELETED':
      case 'CONNECTION_CLOSED':
        return this.closed(message.payload);
    }
    this.roster.receive(message);
  }

  private stageState(participants: Participant[]): void {
    const self = participants.find(({ id }) => id === this.local.id);
    const { fresh } = this;
    this.fresh = false;
    if (self) {
      this.local.setMetadata(self);
      this.local.audioMuted = self.audioMuted;
      this.local.videoStopped = self.videoStopped;
    }
    if (fresh) {
      this.setState(State.CONNECTED);
      if (this.joining) this.emit(StageEvents.STAGE_PARTICIPANT_JOINED, this.local);
      // A server that crashed has forgotten the publication, without a message that says so.
      if (this.publication.wasLive && !self?.isPublishing) this.publication.renew();
      this.sendMute();
    }
    this.roster.setParticipants(participants, fresh);
    if (fresh) this.publish();
    this.joining?.resolve();
    this.joining = undefined;
    this.stopStateTimer();
    if (!fresh || !this.exchanging) return;
    if (this.linkToken === this.token) return this.exchanged();
    this.link?.send({ type: 'EXCHANGE_TOKEN', payload: { token: this.token } }); // the link was opened with the former one
  }

  private publish(): void {
    try {
      const wanted = this.mayPublish && this.strategy.shouldPublishParticipant(this.local);
      this.publication.publish(wanted ? this.strategy.stageStreamsToPublish() : []);
    } catch (error) {
      report(error); // of the application's strategy
    }
  }

  private publishStateChanged(state: StageParticipantPublishState): void {
    this.local.isPublishing = state === StageParticipantPublishState.PUBLISHED;
    this.roster.localPublishChanged();
    this.emit(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, this.local, state);
  }

  /** The server says why it ended the publication, which its media connection can't. */
  private localPublishState({ errorCode }: { errorCode?: string }): void {
    if (!errorCode) return;
    this.emit(StageEvents.ERROR, new StageError(StageErrorCode.FAILED, StageErrorCategory.PUBLISH_ERROR, `The server ended the publication: ${errorCode}.`, errorCode));
  }

  private exchanged(): void {
    this.exchanging?.resolve();
    this.exchanging = undefined;
  }

  /** Tells everybody what is muted, if they were told otherwise. */
  private sendMute(): void {
    const muted = (type: StreamType): boolean => this.publication.streams.find((s: LocalStageStream) => s.streamType === type)?.isMuted ?? false;
    const [audioMuted, videoStopped] = [muted(StreamType.AUDIO), muted(StreamType.VIDEO)];
    if (audioMuted === this.local.audioMuted && videoStopped === this.local.videoStopped) return;
    this.local.audioMuted = audioMuted;
    this.local.videoStopped = videoStopped;
    this.link?.send({ type: 'MUTE', payload: { audioMuted, videoStopped } }); // a new link tells the same
  }

  private metadataOfToken(): Pick<Participant, 'userId' | 'attributes' | 'capabilities'> {
    const { user_id: userId = '', attributes = {}, capabilities } = this.claims;
    const allowed: Participant['capabilities'] = [];
    if (capabilities?.allow_publish) allowed.push('PUBLISH');
    if (capabilities?.allow_subscribe) allowed.push('SUBSCRIBE');
    return { userId, attributes, capabilities: allowed };
  }

  private setLocalMetadata(metadata: Pick<Participant, 'userId' | 'attributes' | 'capabilities'>): void {
    if (!this.local.setMetadata(metadata)) return;
    this.emit(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, this.local);
    if (!this.mayPublish) this.publication.stop();
    this.refreshStrategy();
  }

  private closed({ reason, code: serverCode, detail }: CloseNotice): void {
    const known = Object.values<string>(StageLeftReason).includes(reason) ? (reason as StageLeftReason) : StageLeftReason.UNKNOWN;
    const code = known === StageLeftReason.STAGE_DELETED ? StageErrorCode.STAGE_DELETED : known === StageLeftReason.PARTICIPANT_DISCONNECTED ? StageErrorCode.PARTICIPANT_DISCONNECTED : StageErrorCode.FAILED;
    const error = joinError(code, detail ?? `The stage was left: ${reason}.`, reason);
    this.end(known, false, serverCode ? new Refusal(403, serverCode, error.message).asStageError(StageErrorCategory.JOIN_ERROR) : error);
  }

  /** Leaves, and says why. */
  private end(reason: StageLeftReason, leaving = false, error?: StageError): void {
    if (!this.link) return;
    this.setState(State.DISCONNECTED);
    this.shut(error ?? joinError(StageErrorCode.CANCELED, 'The stage was left meanwhile.'), leaving);
    this.emit(StageEvents.STAGE_LEFT, reason, error);
  }

  /** Closes everything. */
  private shut(error: StageError, leaving = false): void {
    const { link, joining, exchanging } = this;
    watched.delete(this);
    this.reporter?.stop();
    this.stopStateTimer();
    this.publication.stop(leaving);
    this.roster.clear(leaving);
    this.link = this.joining = this.exchanging = undefined;
    link?.close();
    if (!joining) this.emit(StageEvents.STAGE_PARTICIPANT_LEFT, this.local);
    joining?.reject(error);
    exchanging?.reject(error);
  }

  private stopStateTimer(): void {
    clearTimeout(this.stateTimer);
    this.stateTimer = undefined;
  }

  private setState(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.emit(StageEvents.STAGE_CONNECTION_STATE_CHANGED, state);
  }
}

/** Of a stage on a connection, how many publishers are asked for before the state names them. */
const earlyPublishers = 2;

const sdkVersion = `rostrum-sdk/${VERSION}`;

const joinError = (code: StageErrorCode, message: string, serverCode?: string): StageError => new StageError(code, StageErrorCategory.JOIN_ERROR, message, serverCode);

/** The stages that are joined. */
const watched = new Set<Stage>();

/** On another network the old candidates lead nowhere. */
function watchNetwork(changed: () => void): void {
  addEventListener('online', changed);
  const { connection } = navigator as { connection?: EventTarget & { type?: string } };
  let type = connection?.type; // unknown on most desktops
  connection?.addEventListener('change', () => {
    if (type === connection.type) return; // only its speed is another
    type = connection.type;
    changed();
  });
}

if (typeof addEventListener === 'function') {
  watchNetwork(() => watched.forEach((stage) => stage.networkChanged()));
  addEventListener('pagehide', () => [...watched].forEach((stage) => stage.pageHidden()));
}
