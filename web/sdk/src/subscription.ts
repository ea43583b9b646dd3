import { type StageError, StageErrorCategory } from './errors.ts';
import { StageParticipantSubscribeState as State } from './events.ts';
import { MediaConnection, type MediaServer } from './media.ts';
import type { ParticipantInfo } from './participant.ts';
import { NoPictureReason } from './picture.ts';
import { RemoteStageStream, RemoteStageStreamEvents, type StageStreamLayer, StageStreamLayerSelectedReason as Selected, type StreamOwner } from './remote-stream.ts';
import { type ReceivedSeiMessage, extractFrom, messagesConfiguration } from './sei.ts';
import { JitterBufferMinDelay, type SubscribeConfiguration, SubscribeType } from './strategy.ts';
import { StreamType } from './stream.ts';
import type { Layer, LayerSelected } from './wire.ts';

/** What a subscription asks of its stage, and tells it. */
export interface SubscriptionOwner {
  configuration(participant: ParticipantInfo): SubscribeConfiguration;
  preferredLayer(participant: ParticipantInfo, stream: RemoteStageStream): string | undefined;
  stateChanged(participant: ParticipantInfo, state: State): void;
  streamsAdded(participant: ParticipantInfo, streams: RemoteStageStream[]): void;
  streamsRemoved(participant: ParticipantInfo, streams: RemoteStageStream[]): void;
  adaptionChanged(participant: ParticipantInfo, stream: RemoteStageStream, isAdapting: boolean): void;
  layersChanged(participant: ParticipantInfo, stream: RemoteStageStream, layers: StageStreamLayer[]): void;
  layerSelected(participant: ParticipantInfo, stream: RemoteStageStream, layer: StageStreamLayer, reason: Selected): void;
  messageReceived(participant: ParticipantInfo, message: ReceivedSeiMessage): void;
  pictureChanged(participant: ParticipantInfo, reason: NoPictureReason | undefined): void;
  failed(error: StageError): void;
}

const minDelays = { default: null, low: 100, medium: 250, high: 500 } as const; // ms

const noVideo: Record<NonNullable<LayerSelected['reason']>, NoPictureReason> = {
  choice: NoPictureReason.NOT_WANTED,
  bandwidth: NoPictureReason.BANDWIDTH,
  'no-layer': NoPictureReason.NOTHING_SENT,
  'no-codec': NoPictureReason.CODEC,
};

/** What is received of one other participant. */
export class Subscription implements StreamOwner {
  private connection: MediaConnection | undefined;
  private type = SubscribeType.NONE;
  private state = State.NOT_SUBSCRIBED;
  private offeredVideo = false;
  private streams: RemoteStageStream[] = [];
  private removedVideo: RemoteStageStream | undefined; // while the connection carries audio only
  private available: Layer[] = [];
  private selected: LayerSelected | undefined;
  private preferred: string | undefined; // what the server was asked for
  private adapting = false;
  private picture: NoPictureReason | undefined = NoPictureReason.NOT_PUBLISHING;
  private ending: (() => void)[] = [];

  constructor(
    readonly info: ParticipantInfo,
    private readonly server: MediaServer,
    private readonly owner: SubscriptionOwner,
  ) {}

  /** Receives as much as is wanted, if the participant publishes. */
  subscribe(wanted: SubscribeType): void {
    const type = this.info.isPublishing ? wanted : SubscribeType.NONE;
    const before = this.type;
    this.type = type;
    if (type === SubscribeType.NONE) this.stop();
    else if (!this.connection || this.state === State.ERRORED || (type === SubscribeType.AUDIO_VIDEO && !this.offeredVideo)) this.connect();
    else if (type !== before) this.setVideo(type === SubscribeType.AUDIO_VIDEO);
    else this.choose();
    this.updatePicture();
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
    this.preferred = undefined;
    this.choose(true);
  }

  isMuted(stream: RemoteStageStream): boolean {
    return stream.streamType === StreamType.AUDIO ? this.info.audioMuted : this.info.videoStopped;
  }

  muteChanged(): void {
    this.updatePicture();
  }

  stream(type: StreamType): RemoteStageStream | undefined {
    return this.streams.find((s) => s.streamType === type);
  }

  layers(): StageStreamLayer[] {
    const usable = this.available.filter(({ active }) => active).map(({ active: _, ...layer }) => layer);
    return usable.sort((a, b) => b.width * b.height - a.width * a.height || b.bitrate - a.bitrate);
  }

  selectedLayer(): StageStreamLayer | undefined {
    return this.layers().find(({ label }) => label === this.selected?.label);
  }

  setLayers(layers: Layer[]): void {
    this.available = layers;
    const video = this.stream(StreamType.VIDEO);
    if (!video) return;
    const now = this.layers();
    video.emit(RemoteStageStreamEvents.LAYERS_CHANGED, now);
    this.owner.layersChanged(this.info, video, now);
    this.choose();
  }

  layerSelected(selected: LayerSelected): void {
    if (selected.kind !== 'video') return;
    this.selected = selected;
    const video = this.stream(StreamType.VIDEO);
    const layer = this.selectedLayer();
    if (video && layer && !selected.paused) {
      const reason = this.preferred === undefined ? Selected.ADAPTED : this.preferred === layer.label ? Selected.SELECTED : Selected.UNAVAILABLE;
      video.emit(RemoteStageStreamEvents.LAYER_SELECTED, layer, reason);
      this.owner.layerSelected(this.info, video, layer, reason);
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
    if (this.selected?.paused) return noVideo[this.selected.reason ?? 'no-layer'];
    return this.stream(StreamType.VIDEO) ? undefined : NoPictureReason.AUDIO_ONLY;
  }

  private connect(): void {
    this.connection?.close();
    this.removeStreams();
    this.offeredVideo = this.type === SubscribeType.AUDIO_VIDEO;
    const config = this.owner.configuration(this.info);
    this.setState(State.ATTEMPTING_SUBSCRIBE);
    this.connection = new MediaConnection(this.server, {
      category: StageErrorCategory.SUBSCRIBE_ERROR,
      publisher: this.info.id,
      configuration: config.inBandMessaging?.enabled ? messagesConfiguration() : {},
      prepare: (peer) => this.prepare(peer, config),
      answered: (peer) => this.addStreams(peer),
      live: () => {
        this.setState(State.SUBSCRIBED);
        if (this.offeredVideo && this.type === SubscribeType.AUDIO_ONLY) this.setVideo(false);
        this.choose();
      },
      lost: () => this.setState(State.ATTEMPTING_SUBSCRIBE),
      failed: (error) => {
        this.setState(State.ERRORED);
        this.owner.failed(error);
      },
    });
  }

  private prepare(peer: RTCPeerConnection, { jitterBuffer, inBandMessaging }: SubscribeConfiguration): void {
    this.removeStreams();
    this.selected = this.preferred = undefined;
    for (const kind of this.offeredVideo ? ['video', 'audio'] : ['audio']) {
      const { receiver } = peer.addTransceiver(kind, { direction: 'recvonly' });
      setMinDelay(receiver, minDelays[jitterBuffer?.minDelay ?? JitterBufferMinDelay.DEFAULT]);
      if (kind === 'video' && inBandMessaging?.enabled) this.ending.push(extractFrom(receiver, (message) => this.owner.messageReceived(this.info, message)));
    }
  }

  /** Has a stream for each medium that the answer brings. */
  private addStreams(peer: RTCPeerConnection): void {
    const receiving = peer.getTransceivers().filter(({ currentDirection }) => currentDirection === 'recvonly');
    this.streams = receiving.map(({ receiver }) => new RemoteStageStream(receiver, this));
    if (this.streams.length > 0) this.owner.streamsAdded(this.info, this.streams);
  }

  private removeStreams(): void {
    for (const end of this.ending.splice(0)) end();
    const { streams } = this;
    this.streams = [];
    this.removedVideo = undefined;
    this.adapting = false;
    if (streams.length > 0) this.owner.streamsRemoved(this.info, streams);
  }

  /** Stops or resumes the video on the connection that there is. */
  private setVideo(wanted: boolean): void {
    void this.connection?.select({ video: wanted }).catch(() => {}); // it ended, and begins anew
    const video = wanted ? this.removedVideo : this.stream(StreamType.VIDEO);
    if (!video) return;
    this.removedVideo = wanted ? undefined : video;
    this.streams = wanted ? [...this.streams, video] : this.streams.filter((s) => s !== video);
    if (wanted) this.owner.streamsAdded(this.info, [video]);
    else this.owner.streamsRemoved(this.info, [video]);
  }

  /** Asks the strategy for a layer, and the server if the answer is another. */
  private choose(always = false): void {
    const video = this.stream(StreamType.VIDEO);
    if (this.state !== State.SUBSCRIBED) return;
    const preferred = video && this.owner.preferredLayer(this.info, video);
    if (preferred !== this.preferred || always) {
      this.preferred = preferred;
      void this.connection?.select({ label: preferred ?? 'auto' }).catch(() => {}); // it ended, and begins anew
    }
    const adapting = video !== undefined && preferred === undefined && this.layers().length > 1;
    if (!video || adapting === this.adapting) return;
    this.adapting = adapting;
    video.emit(RemoteStageStreamEvents.ADAPTION_CHANGED, adapting);
    this.owner.adaptionChanged(this.info, video, adapting);
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

function setMinDelay(receiver: RTCRtpReceiver, delay: number | null): void {
  if (delay !== null && 'jitterBufferTarget' in receiver) receiver.jitterBufferTarget = delay;
}
