import type { EarlySubscriptions } from './early.ts';
import { type StageError, StageErrorCategory } from './errors.ts';
import { StageParticipantSubscribeState as State } from './events.ts';
import { MediaConnection, type MediaServer } from './media.ts';
import type { ParticipantInfo } from './participant.ts';
import { NoPictureReason } from './picture.ts';
import { RemoteStageStream, RemoteStageStreamEvents, type StageStreamLayer, StageStreamLayerSelectedReason as Selected, type StreamOwner } from './remote-stream.ts';
import { type SeiMessage, extractFrom, messagesConfiguration } from './sei.ts';
import { InitialLayerPreference, type JitterBufferConfiguration, JitterBufferMinDelay, type SubscribeConfiguration, SubscribeType } from './strategy.ts';
import { StreamType } from './stream.ts';
import type { Layer, LayerSelected } from './wire.ts';

/** What a subscription asks of its stage, and tells it. */
export interface SubscriptionOwner {
  localPublishes(): boolean;
  configuration(participant: ParticipantInfo): SubscribeConfiguration;
  preferredLayer(participant: ParticipantInfo, stream: RemoteStageStream): string | undefined;
  stateChanged(participant: ParticipantInfo, state: State): void;
  streamsAdded(participant: ParticipantInfo, streams: RemoteStageStream[]): void;
  streamsRemoved(participant: ParticipantInfo, streams: RemoteStageStream[]): void;
  adaptionChanged(participant: ParticipantInfo, stream: RemoteStageStream, isAdapting: boolean): void;
  layersChanged(participant: ParticipantInfo, stream: RemoteStageStream, layers: StageStreamLayer[]): void;
  layerSelected(participant: ParticipantInfo, stream: RemoteStageStream, layer: StageStreamLayer, reason: Selected): void;
  messageReceived(participant: ParticipantInfo, message: SeiMessage): void;
  pictureChanged(participant: ParticipantInfo, reason: NoPictureReason | undefined): void;
  failed(error: StageError): void;
}

const minDelays = { default: null, low: 100, medium: 250, high: 500 } as const; // ms
const maxMinDelay = 4000; // ms, of jitterBufferTarget
const initialLayerFor = 3000; // ms after which the server chooses, whether the initial layer came or not

const noVideo = new Map<LayerSelected['reason'], NoPictureReason>([
  ['choice', NoPictureReason.NOT_WANTED],
  ['bandwidth', NoPictureReason.BANDWIDTH],
  ['no-layer', NoPictureReason.NOTHING_SENT],
  ['no-codec', NoPictureReason.CODEC],
]);

/** What is received of one other participant. */
export class Subscription implements StreamOwner {
  private connection: MediaConnection | undefined;
  private type = SubscribeType.NONE;
  private state = State.NOT_SUBSCRIBED;
  private offeredVideo = false;
  private streams: RemoteStageStream[] = [];
  private removedVideo: RemoteStageStream | undefined; // while the connection carries audio only
  private answered = false; // the server has the connection, and media get through or are about to
  private available: Layer[] = [];
  private selected: LayerSelected | undefined;
  private preferred: string | undefined; // by the application
  private asked: string | undefined; // what the server was asked for
  private highestFirst = false; // until the best layer is received, or time is up
  private highestTimer: ReturnType<typeof setTimeout> | undefined;
  private jitterBuffer: JitterBufferConfiguration = {};
  private adapting = false;
  private picture: NoPictureReason | undefined = NoPictureReason.NOT_PUBLISHING;
  private ending: (() => void)[] = [];

  constructor(
    readonly info: ParticipantInfo,
    private readonly server: MediaServer,
    private readonly owner: SubscriptionOwner,
  ) {}

  /** Receives as much as is wanted, if the participant publishes. */
  subscribe(wanted: SubscribeType, early?: EarlySubscriptions): void {
    const type = this.info.isPublishing ? wanted : SubscribeType.NONE;
    const before = this.type;
    this.type = type;
    if (type === SubscribeType.NONE) this.stop();
    else if (!this.connection || this.state === State.ERRORED || (type === SubscribeType.AUDIO_VIDEO && !this.offeredVideo)) this.connect(early);
    else if (type !== before) this.setVideo(type === SubscribeType.AUDIO_VIDEO);
    else this.choose();
    this.updatePicture();
  }

  get peer(): RTCPeerConnection | undefined {
    return this.connection?.peer;
  }

  stop(leaving = false): void {
    this.type = SubscribeType.NONE;
    this.connection?.close(leaving);
    this.connection = undefined;
    this.removeStreams();
    this.setState(State.NOT_SUBSCRIBED);
    this.updatePicture();
  }

  renew(): void {
    this.connection?.renew();
  }

  networkChanged(): void {
    this.connection?.networkChanged();
  }

  /** Makes sure, on a new socket, that the server still has the connection. */
  verify(): void {
    this.choose(true);
  }

  isMuted(stream: RemoteStageStream): boolean {
    return stream.streamType === StreamType.AUDIO ? this.info.audioMuted : this.info.videoStopped;
  }

  /** Has the browser keep media for as long as is configured: not at all for one who talks with the others. */
  setMinDelay(): void {
    const { minDelay = JitterBufferMinDelay.DEFAULT } = this.jitterBuffer;
    const delay = typeof minDelay === 'number' ? Math.min(Math.max(minDelay || 0, 0), maxMinDelay) : minDelays[minDelay];
    for (const { receiver } of this.streams) {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = this.owner.localPublishes() ? null : delay;
    }
  }

  muteChanged(): void {
    this.updatePicture();
  }

  stream(type: StreamType): RemoteStageStream | undefined {
    return this.streams.find((s) => s.streamType === type);
  }

  layers(): StageStreamLayer[] {
    const usable = this.available.filter(({ active }) => active);
    usable.sort((a, b) => b.width * b.height - a.width * a.height || b.bitrate - a.bitrate);
    return usable.map(({ label, width, height, bitrate, framerate }) => ({
      label, width, height, bitrateBps: bitrate, framesPerSecond: framerate, selected: label === this.selected?.label,
    }));
  }

  get isAdapting(): boolean {
    return this.adapting;
  }

  selectedLayer(): StageStreamLayer | undefined {
    return this.layers().find(({ selected }) => selected);
  }

  setLayers(layers: Layer[]): void {
    this.available = layers;
    this.layersChanged();
    this.choose();
  }

  private layersChanged(): void {
    const video = this.stream(StreamType.VIDEO);
    if (!video) return;
    const now = this.layers();
    video.emit(RemoteStageStreamEvents.LAYERS_CHANGED, now);
    this.owner.layersChanged(this.info, video, now);
  }

  layerSelected(selected: LayerSelected): void {
    if (selected.kind !== 'video') return;
    const before = this.selectedLayer();
    this.selected = selected;
    const video = this.stream(StreamType.VIDEO);
    const layer = this.selectedLayer();
    if (before?.label !== layer?.label) this.layersChanged();
    if (video && layer && !selected.paused) {
      const reason = this.preferred === undefined || this.preferred === layer.label ? Selected.SELECTED : Selected.UNAVAILABLE;
      video.emit(RemoteStageStreamEvents.LAYER_SELECTED, layer, reason);
      this.owner.layerSelected(this.info, video, layer, reason);
      if (layer.label === this.layers()[0]!.label) this.endHighestFirst();
    }
    this.updatePicture();
  }

  /** Why there is no picture; undefined if there is one. */
  get noPicture(): NoPictureReason | undefined {
    if (!this.info.isPublishing) return NoPictureReason.NOT_PUBLISHING;
    if (this.type !== SubscribeType.AUDIO_VIDEO) return NoPictureReason.NOT_WANTED;
    if (this.state === State.ERRORED) return NoPictureReason.FAILED;
    if (this.state !== State.SUBSCRIBED) return this.connection?.wasLive ? NoPictureReason.RECONNECTING : NoPictureReason.CONNECTING;
    if (this.info.videoStopped) return NoPictureReason.VIDEO_STOPPED;
    if (this.selected?.paused) return noVideo.get(this.selected.reason) ?? NoPictureReason.NOTHING_SENT;
    return this.stream(StreamType.VIDEO) ? undefined : NoPictureReason.AUDIO_ONLY;
  }

  private connect(early?: EarlySubscriptions): void {
    this.connection?.close();
    this.removeStreams();
    this.offeredVideo = this.type === SubscribeType.AUDIO_VIDEO;
    const config = this.owner.configuration(this.info);
    this.setState(State.ATTEMPTING_SUBSCRIBE);
    const made = this.offeredVideo && !config.inBandMessaging?.enabled ? early?.take(this.info.id) : undefined; // it has audio and video, and no messages
    this.connection = new MediaConnection(this.server, {
      category: StageErrorCategory.SUBSCRIBE_ERROR,
      publisher: this.info.id,
      configuration: config.inBandMessaging?.enabled ? messagesConfiguration() : {},
      prepare: (peer) => this.prepare(peer, config),
      answered: (peer) => this.addStreams(peer),
      live: () => {
        this.answered = true;
        this.setState(State.SUBSCRIBED);
        if (this.offeredVideo && this.type === SubscribeType.AUDIO_ONLY) this.setVideo(false);
        if (this.highestFirst) this.highestTimer ??= setTimeout(() => this.endHighestFirst(), initialLayerFor);
        this.choose();
      },
      lost: () => {
        this.answered = false;
        this.setState(State.ATTEMPTING_SUBSCRIBE);
      },
      failed: (error) => {
        this.setState(State.ERRORED);
        this.owner.failed(error);
      },
    }, made);
  }

  private prepare(peer: RTCPeerConnection, { jitterBuffer = {}, inBandMessaging, simulcast }: SubscribeConfiguration): void {
    this.removeStreams();
    this.answered = false;
    this.selected = this.preferred = this.asked = undefined;
    this.highestFirst = simulcast?.initialLayerPreference === InitialLayerPreference.HIGHEST_QUALITY;
    this.jitterBuffer = jitterBuffer;
    if (peer.getTransceivers().length > 0) return; // it was made early
    for (const kind of this.offeredVideo ? ['video', 'audio'] : ['audio']) {
      const { receiver } = peer.addTransceiver(kind, { direction: 'recvonly' });
      if (kind === 'video' && inBandMessaging?.enabled) this.ending.push(extractFrom(receiver, (message) => this.owner.messageReceived(this.info, message)));
    }
  }

  /** Has a stream for each medium that the answer brings. */
  private addStreams(peer: RTCPeerConnection): void {
    const receiving = peer.getTransceivers().filter(({ currentDirection }) => currentDirection === 'recvonly');
    this.streams = receiving.map(({ receiver }) => new RemoteStageStream(receiver, this));
    this.setMinDelay();
    if (this.streams.length > 0) this.owner.streamsAdded(this.info, this.streams);
    this.answered = true;
    this.choose(); // the server begins with the layer, if it is asked for before it is connected
  }

  private removeStreams(): void {
    for (const end of this.ending.splice(0)) end();
    const { streams } = this;
    this.streams = [];
    this.removedVideo = undefined;
    this.adapting = this.highestFirst = false;
    clearTimeout(this.highestTimer);
    this.highestTimer = undefined;
    if (streams.length > 0) this.owner.streamsRemoved(this.info, streams);
  }

  /** Stops or resumes the video on the connection that there is. */
  private setVideo(wanted: boolean): void {
    void this.connection?.select({ video: wanted }).catch(() => {}); // it ended, and begins anew
    const video = wanted ? this.removedVideo : this.stream(StreamType.VIDEO);
    if (!video) return;
    this.removedVideo = wanted ? undefined : video;
    this.streams = wanted ? [...this.streams, video] : this.streams.filter((s) => s !== video);
    this.setMinDelay();
    if (wanted) this.owner.streamsAdded(this.info, [video]);
    else this.owner.streamsRemoved(this.info, [video]);
  }

  /** Asks the strategy for a layer, and the server if the answer is another. */
  private choose(always = false): void {
    const video = this.stream(StreamType.VIDEO);
    if (!this.answered) return;
    const several = this.layers().length > 1;
    this.preferred = video && this.owner.preferredLayer(this.info, video);
    const wanted = this.preferred ?? (this.highestFirst && several ? this.layers()[0]!.label : undefined);
    if (wanted !== this.asked || always) {
      this.asked = wanted;
      void this.connection?.select({ label: wanted ?? 'auto' }).catch(() => {}); // it ended, and begins anew
    }
    const adapting = video !== undefined && this.preferred === undefined && several;
    if (!video || adapting === this.adapting) return;
    this.adapting = adapting;
    video.emit(RemoteStageStreamEvents.ADAPTION_CHANGED, adapting);
    this.owner.adaptionChanged(this.info, video, adapting);
  }

  /** Lets the server choose from now on. */
  private endHighestFirst(): void {
    if (!this.highestFirst) return;
    this.highestFirst = false;
    this.choose();
  }

  private setState(state: State): void {
    if (this.state !== state) {
      this.state = state;
      this.owner.stateChanged(this.info, state);
    }
    this.updatePicture();
  }

  private updatePicture(): void {
    const reason = this.noPicture;
    if (reason === this.picture) return;
    this.picture = reason;
    this.owner.pictureChanged(this.info, reason);
  }
}

