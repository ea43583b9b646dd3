// An application as one would write it from the public reference of the service's web
// SDK: most of the classes, methods, events and configurations that it has. Only
// the import differs. It is type-checked against the package's types, and run in a
// browser by test/e2e/sdk-reference.test.mjs.

import {
  InitialLayerPreference,
  JitterBufferMinDelay,
  LocalStageStream,
  RealTimeConnection,
  RemoteStageStream,
  RemoteStageStreamEvents,
  SimulcastLayerPresets,
  Stage,
  StageConnectionState,
  StageError,
  StageErrorCategory,
  StageEvents,
  StageLeftReason,
  type StageParticipantInfo,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  type StageStrategy,
  type StageStream,
  StageStreamLayerSelectedReason,
  StreamType,
  SubscribeType,
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
    const { DEFAULT_720, DEFAULT_360, DEFAULT_180 } = SimulcastLayerPresets;
    if (audio) this.streams.push(new LocalStageStream(audio, { maxAudioBitrateKbps: 96, stereo: true }));
    if (video) {
      this.streams.push(
        new LocalStageStream(video, {
          minBitrate: 100,
          maxBitrate: 2500,
          maxFramerate: 30,
          simulcast: { enabled: true, layers: [DEFAULT_720, DEFAULT_360, DEFAULT_180] },
          inBandMessaging: { enabled: true },
        }),
      );
    }
    if (connectionToken) {
      this.connection = new RealTimeConnection(connectionToken);
      this.connection.on('stateChanged', (state, error) => this.log.push(`connection ${state}${error ? ` ${error.code}` : ''}`));
    }
    this.stage = new Stage(token, this, this.connection && { realTimeConnection: this.connection });
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

  subscribeConfiguration(): ReturnType<NonNullable<StageStrategy['subscribeConfiguration']>> {
    return {
      jitterBuffer: { minDelay: JitterBufferMinDelay.MEDIUM },
      inBandMessaging: { enabled: true },
      simulcast: { initialLayerPreference: InitialLayerPreference.LOWEST_QUALITY },
    };
  }

  preferredLayerForStream(_participant: StageParticipantInfo, stream: RemoteStageStream): string | null {
    const lowest = stream.getLowestQualityLayer();
    return this.preferred === 'lowest' ? (lowest?.label ?? null) : this.preferred;
  }

  // The events.

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
    const named = ({ userId, isLocal, capabilities }: StageParticipantInfo): string => `${userId}${isLocal ? ' (local)' : ''} ${capabilities.size}`;
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
    stage.on(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, ({ userId }, { payload, uuid }) => {
      this.messages.push(`${userId}: ${new TextDecoder().decode(payload)} (${uuid.length})`);
    });
  }

  private listenToStream(stream: RemoteStageStream): void {
    stream.on(RemoteStageStreamEvents.ADAPTION_CHANGED, (isAdapting) => this.log.push(`stream adapting ${isAdapting}`));
    stream.on(RemoteStageStreamEvents.LAYERS_CHANGED, (layers) => this.log.push(`stream layers ${layers.length}`));
    stream.on(RemoteStageStreamEvents.LAYER_SELECTED, (layer, reason) => this.log.push(`stream layer ${layer.width}x${layer.height} ${reason}`));
  }

  // What its user does.

  async join(): Promise<string> {
    try {
      await this.connection?.connect();
      await this.stage.join();
      return 'joined';
    } catch (error) {
      if (error instanceof StageError && error.category === StageErrorCategory.JOIN_ERROR) return `refused ${error.code}`;
      throw error;
    }
  }

  /** Goes on with a strategy that decides the same. */
  replaceStrategy(): void {
    this.stage.replaceStrategy({
      stageStreamsToPublish: () => this.stageStreamsToPublish(),
      shouldPublishParticipant: (participant) => this.shouldPublishParticipant(participant),
      shouldSubscribeToParticipant: (participant) => this.shouldSubscribeToParticipant(participant),
      subscribeConfiguration: () => this.subscribeConfiguration(),
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

  say(text: string): void {
    const video = this.streams.find((s) => s.mediaConfig.inBandMessaging?.enabled);
    video?.insertSeiMessage(new TextEncoder().encode(text).buffer, { repeatCount: 3 });
  }

  /** What is known of the streams of a participant. */
  async inspect(userId: string): Promise<{ video: number; audio: number; report: boolean; layers: number; best: string | undefined; selected: string | undefined }> {
    const of = (type: StreamType): RemoteStageStream | undefined => this.remote.get(userId)?.find((s) => s.streamType === type);
    const [video, audio] = [of(StreamType.VIDEO), of(StreamType.AUDIO)];
    const [videoStats] = (await video?.requestQualityStats()) ?? [];
    const [audioStats] = (await audio?.requestQualityStats()) ?? [];
    return {
      video: (videoStats && 'framesDecoded' in videoStats && videoStats.framesDecoded) || 0,
      audio: (audioStats && 'packetsReceived' in audioStats && audioStats.packetsReceived) || 0,
      report: (await video?.requestRTCStats()) !== undefined && video?.mediaStreamTrack.readyState === 'live' && video.id !== audio?.id,
      layers: video?.getLayers().length ?? 0,
      best: video?.getHighestQualityLayer()?.label,
      selected: video?.getSelectedLayer()?.label,
    };
  }

  leave(): void {
    this.stage.leave();
    this.connection?.disconnect();
  }
}

export { Application, StreamType, SubscribeType };
