// An application as one would write it from the public reference of the service's web
// SDK (versions 1.32 to 1.41): the classes, methods, events, configurations and types that
// it has for stages. Only the import differs. It is type-checked against the package's types, and run in a
// browser by test/e2e/sdk-reference.test.mjs.

import IVSBroadcastClient, {
  type InBandMessagingStageVideoConfiguration,
  type InBandMessagingSubscribeConfiguration,
  InitialLayerPreference,
  type JitterBufferConfiguration,
  JitterBufferMinDelay,
  type LocalAudioStats,
  LocalStageStream,
  LocalStageStreamEvents,
  type LocalVideoStats,
  NetworkQuality,
  RealTimeConnection,
  RealTimeConnectionError,
  RealTimeConnectionErrorCode,
  type RealTimeConnectionEventMap,
  RealTimeConnectionState,
  type RemoteAudioStats,
  RemoteStageStream,
  type RemoteStageStreamEventMap,
  RemoteStageStreamEvents,
  type RemoteVideoStats,
  type SeiMessage,
  type SimulcastConfiguration,
  SimulcastLayerPresets,
  type SimulcastLocalLayerConfiguration,
  type SimulcastSubscribeConfiguration,
  Stage,
  type StageAudioConfiguration,
  type StageConfiguration,
  StageConnectionState,
  StageError,
  StageErrorCategory,
  StageErrorCode,
  type StageEventMap,
  StageEvents,
  StageLeftReason,
  type StageParticipantCapabilities,
  type StageParticipantInfo,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  type StageStrategy,
  StageStream,
  type StageStreamConfiguration,
  type StageStreamLayer,
  StageStreamLayerSelectedReason,
  type StageVideoConfiguration,
  StreamType,
  type SubscribeConfiguration,
  SubscribeType,
  __version,
} from 'rostrum-sdk';

/** What a participant of the program needs. */
export interface Options {
  token: string;
  connectionToken?: string;
  video?: MediaStreamTrack;
  audio?: MediaStreamTrack;
}

/** Publishes, subscribes to all, and keeps a list of what happens. */
class Application implements StageStrategy {
  readonly log: string[] = [];
  readonly remote = new Map<string, RemoteStageStream[]>();
  readonly messages: string[] = [];
  readonly stage: Stage;
  readonly connection: RealTimeConnection | undefined;
  readonly streams: LocalStageStream[] = [];
  preferred: string | null = null;
  publishing = true;
  subscribing = SubscribeType.AUDIO_VIDEO;

  constructor({ token, connectionToken, video, audio }: Options) {
    if (audio) this.streams.push(new LocalStageStream(audio, audioConfiguration));
    if (video) this.streams.push(new LocalStageStream(video, videoConfiguration));
    for (const stream of this.streams) stream.on(LocalStageStreamEvents.MUTE_CHANGED, (muted) => this.log.push(`own ${stream.streamType} muted ${muted}`));
    if (connectionToken) {
      this.connection = new RealTimeConnection(connectionToken);
      this.connection.on('stateChanged', this.connectionChanged);
    }
    const configuration: StageConfiguration = { realTimeConnection: this.connection };
    this.stage = new Stage(token, this, configuration);
    this.listenToStage();
    this.listenToParticipants();
    this.listenToStreams();
  }

  // The strategy.

  stageStreamsToPublish(): LocalStageStream[] {
    return this.streams;
  }

  shouldPublishParticipant(participant: StageParticipantInfo): boolean {
    if (!participant.isLocal) throw new Error('asked for somebody else');
    return this.publishing;
  }

  shouldSubscribeToParticipant(participant: StageParticipantInfo): SubscribeType {
    return participant.attributes['hidden'] ? SubscribeType.NONE : this.subscribing;
  }

  subscribeConfiguration({ userId }: StageParticipantInfo): SubscribeConfiguration {
    const jitterBuffer: JitterBufferConfiguration = { minDelay: userId === 'ann' ? JitterBufferMinDelay.MEDIUM : 150 };
    const inBandMessaging: InBandMessagingSubscribeConfiguration = { enabled: true };
    const simulcast: SimulcastSubscribeConfiguration = { initialLayerPreference: InitialLayerPreference.HIGHEST_QUALITY };
    return { jitterBuffer, inBandMessaging, simulcast };
  }

  preferredLayerForStream(_participant: StageParticipantInfo, stream: RemoteStageStream): StageStreamLayer | string | null | undefined {
    return this.preferred === 'lowest' ? stream.getLowestQualityLayer() : this.preferred;
  }

  // The events.

  private readonly connectionChanged: RealTimeConnectionEventMap['stateChanged'] = (state, error) => {
    this.log.push(`connection ${state === RealTimeConnectionState.CONNECTED ? 'up' : state}${error ? ` ${RealTimeConnectionErrorCode[error.code]} ${error.details}` : ''}`);
  };

  private listenToStage(): void {
    const { stage, log } = this;
    stage.on(StageEvents.ERROR, (error) => log.push(`error ${error.category} ${error.code} ${error.message}`));
    stage.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state) => {
      if (state === StageConnectionState.CONNECTED) log.push('connected');
      if (state === StageConnectionState.DISCONNECTED) log.push('disconnected');
    });
    stage.on(StageEvents.STAGE_LEFT, (reason) => log.push(reason === StageLeftReason.USER_INITIATED ? 'left' : `left: ${reason}`));
  }

  private listenToParticipants(): void {
    const { stage, log, remote } = this;
    const publish: StageParticipantCapabilities = 'PUBLISH';
    const named = ({ userId, isLocal, capabilities }: StageParticipantInfo): string => `${userId}${isLocal ? ' (local)' : ''} ${capabilities.has(publish) && capabilities.size}`;
    stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (participant) => {
      participant.userInfo['since'] = Date.now();
      log.push(`joined ${named(participant)}`);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, (participant) => log.push(`gone ${participant.userId} ${typeof participant.userInfo['since']}`));
    stage.on(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, ({ userId, attributes }) => log.push(`metadata ${userId} ${attributes['name']}`));
    stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, ({ userId, isPublishing }, state) => {
      if (state === StageParticipantPublishState.PUBLISHED) log.push(`publishes ${userId} ${isPublishing}`);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, ({ userId }, state) => {
      if (state === StageParticipantSubscribeState.SUBSCRIBED) log.push(`subscribed ${userId}`);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, ({ userId, isLocal }, streams) => {
      const received = streams.filter((s): s is RemoteStageStream => s instanceof RemoteStageStream);
      if (isLocal) return;
      remote.set(userId, [...(remote.get(userId) ?? []), ...received]);
      for (const stream of received) this.listenToStream(stream);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, ({ userId }: StageParticipantInfo, streams: StageStream[]) => {
      remote.set(userId, (remote.get(userId) ?? []).filter((s) => !streams.some(({ id }) => id === s.id)));
    });
  }

  private listenToStreams(): void {
    const { stage, log } = this;
    stage.on(StageEvents.STAGE_STREAM_MUTE_CHANGED, ({ userId, audioMuted, videoStopped }, stream) => {
      log.push(`mute ${userId} ${stream.streamType} ${stream.isMuted} ${stream.streamType === StreamType.AUDIO ? audioMuted : videoStopped}`);
    });
    stage.on(StageEvents.STAGE_STREAM_ADAPTION_CHANGED, ({ userId }, _stream, isAdapting) => log.push(`adapting ${userId} ${isAdapting}`));
    stage.on(StageEvents.STAGE_STREAM_LAYERS_CHANGED, ({ userId }, _stream, layers) => log.push(`layers ${userId} ${layers.length}`));
    stage.on(StageEvents.STAGE_STREAM_LAYER_SELECTED, ({ userId }, _stream, layer, reason) => {
      if (reason !== StageStreamLayerSelectedReason.UNAVAILABLE) log.push(`layer ${userId} ${layer.label}`);
    });
    stage.on(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, this.messageReceived);
  }

  private readonly messageReceived: StageEventMap[StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED] = ({ userId }, { payload, uuid }: SeiMessage) => {
    this.messages.push(`${userId}: ${new TextDecoder().decode(payload)} (${uuid.byteLength})`);
  };

  private listenToStream(stream: RemoteStageStream): void {
    const { log } = this;
    const selected: RemoteStageStreamEventMap[RemoteStageStreamEvents.LAYER_SELECTED] = ({ label, width, height, bitrateBps, framesPerSecond }, reason) => {
      const complete = label !== '' && bitrateBps > 0 && framesPerSecond > 0;
      log.push(`stream layer ${width}x${height} ${complete} ${reason}`);
    };
    stream.on(RemoteStageStreamEvents.ADAPTION_CHANGED, (isAdapting) => log.push(`stream adapting ${isAdapting} ${isAdapting === stream.isAdapting}`));
    stream.on(RemoteStageStreamEvents.LAYERS_CHANGED, (layers) => log.push(`stream layers ${layers.length} ${layers.find((l) => l.selected)?.label}`));
    stream.on(RemoteStageStreamEvents.LAYER_SELECTED, selected);
  }

  // What its user does.

  async join(): Promise<string> {
    try {
      this.connection?.connect();
      await this.stage.join();
      return 'joined';
    } catch (error) {
      if (error instanceof StageError && error.category === StageErrorCategory.JOIN_ERROR) return `refused ${error.code} ${error.code === StageErrorCode.TOKEN_EXPIRED}`;
      if (error instanceof RealTimeConnectionError) return `no connection: ${error.code}`;
      throw error;
    }
  }

  /** Goes on with a strategy that decides the same. */
  replaceStrategy(): void {
    this.stage.replaceStrategy({
      stageStreamsToPublish: () => this.stageStreamsToPublish(),
      shouldPublishParticipant: (participant) => this.shouldPublishParticipant(participant),
      shouldSubscribeToParticipant: (participant) => this.shouldSubscribeToParticipant(participant),
      subscribeConfiguration: (participant) => this.subscribeConfiguration(participant),
      preferredLayerForStream: (participant, stream) => this.preferredLayerForStream(participant, stream),
    });
  }

  refresh(changes: Partial<Pick<Application, 'preferred' | 'publishing' | 'subscribing'>>): void {
    Object.assign(this, changes);
    this.stage.refreshStrategy();
  }

  mute(type: StreamType, muted: boolean): void {
    this.streams.find((s) => s.streamType === type)?.setMuted(muted);
  }

  async say(text: string): Promise<void> {
    const video = this.streams.find((s) => s.mediaConfig.inBandMessaging?.enabled);
    await video?.insertSeiMessage(new TextEncoder().encode(text).buffer, { repeatCount: 3 });
  }

  /** How well each stream is sent. */
  async quality(): Promise<(LocalAudioStats | LocalVideoStats)[]> {
    const all = await Promise.all(this.streams.map(async (stream) => (await stream.requestQualityStats()) ?? []));
    return all.flat();
  }

  /** What is known of the streams of a participant. */
  async inspect(userId: string): Promise<Record<string, unknown>> {
    const of = (type: StreamType): RemoteStageStream | undefined => this.remote.get(userId)?.find((s) => s.streamType === type);
    const [video, audio] = [of(StreamType.VIDEO), of(StreamType.AUDIO)];
    const [videoStats] = ((await video?.requestQualityStats()) ?? []) as RemoteVideoStats[];
    const [audioStats] = ((await audio?.requestQualityStats()) ?? []) as RemoteAudioStats[];
    const [report] = await Promise.all([video?.requestRTCStats(), audio?.getStats()]);
    return {
      video: videoStats?.framesDecoded ?? 0,
      audio: audioStats?.packetsReceived ?? 0,
      good: (videoStats?.networkQuality ?? NetworkQuality.DOWN) >= NetworkQuality.GOOD,
      report: report !== undefined && video?.mediaStreamTrack.readyState === 'live' && video.id === video.mediaStreamTrack.id,
      participant: video?.participantInfo.userId,
      layers: video?.getLayers().length ?? 0,
      best: video?.getHighestQualityLayer()?.label,
      selected: video?.getSelectedLayer()?.label,
    };
  }

  leave(): void {
    this.stage.off(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, this.messageReceived);
    this.log.push(`listens ${this.stage.hasListenersFor(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED)}`);
    this.stage.leave();
    this.connection?.disconnect();
    this.connection?.off('stateChanged', this.connectionChanged);
    for (const stream of this.streams) stream.cleanup();
  }
}

const { DEFAULT_720, DEFAULT_540, DEFAULT_480, DEFAULT_360, DEFAULT_270, DEFAULT_180, DEFAULT_160 } = SimulcastLayerPresets;
const custom: SimulcastLocalLayerConfiguration = { width: 320, height: 180, maxBitrateKbps: 200, maxFramerate: 15 };
const simulcast: SimulcastConfiguration = { enabled: true, layers: [DEFAULT_720, DEFAULT_360, custom] };
const inBandMessaging: InBandMessagingStageVideoConfiguration = { enabled: true };
const videoConfiguration: StageVideoConfiguration = { maxVideoBitrateKbps: 2500, maxFramerate: 30, simulcast, inBandMessaging };
const audioConfiguration: StageAudioConfiguration = { maxAudioBitrateKbps: 96, stereo: true };

/** What the program needs of the default export and of the rest. */
export const complete = (): boolean => {
  const streamConfiguration: StageStreamConfiguration = audioConfiguration;
  const sameEverywhere = IVSBroadcastClient.Stage === Stage && IVSBroadcastClient.SubscribeType === SubscribeType;
  const presets = [DEFAULT_160, DEFAULT_180, DEFAULT_270, DEFAULT_360, DEFAULT_480, DEFAULT_540, DEFAULT_720];
  const ascending = presets.every(({ height, maxBitrateKbps }, i) => i === 0 || (height > presets[i - 1]!.height && maxBitrateKbps > presets[i - 1]!.maxBitrateKbps));
  return sameEverywhere && ascending && LocalStageStream.prototype instanceof StageStream && streamConfiguration !== undefined && /^\d+\./.test(__version);
};

export { Application, StreamType, SubscribeType };
