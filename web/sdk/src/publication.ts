import { type StageError, StageErrorCategory } from './errors.ts';
import { StageParticipantPublishState as State } from './events.ts';
import { type LocalStageStream, LocalStageStreamEvents, type Outlet } from './local-stream.ts';
import { MediaConnection, type MediaServer } from './media.ts';
import { extendAnswer, videoCodec } from './sdp.ts';
import { insertInto, messagesConfiguration } from './sei.ts';
import { StreamType } from './stream.ts';

const farAway = 60; // ms of round trip, from where redundant audio repairs losses before a retransmission

/** What a publication tells its stage. */
export interface PublicationOwner {
  stateChanged(state: State): void;
  streamsAdded(streams: LocalStageStream[]): void;
  streamsRemoved(streams: LocalStageStream[]): void;
  muteChanged(stream: LocalStageStream): void;
  failed(error: StageError): void;
}

/** One stream while it is published, with what undoes that. */
interface Published {
  stream: LocalStageStream;
  outlet?: Outlet & { messages?: ReturnType<typeof insertInto> };
  muted: () => void;
  trackChanged: () => void;
}

/** What the local participant publishes. */
export class Publication {
  private connection: MediaConnection | undefined;
  private published: Published[] = [];
  private state = State.NOT_PUBLISHED;
  private unused: string[] = [];
  private parameters: Promise<void> = Promise.resolve();

  constructor(
    private readonly server: MediaServer,
    private readonly owner: PublicationOwner,
  ) {}

  get streams(): LocalStageStream[] {
    return this.published.map(({ stream }) => stream);
  }

  get peer(): RTCPeerConnection | undefined {
    return this.connection?.peer;
  }

  /** Publishes these streams, one of a kind, and no others. None ends the publication. */
  publish(wanted: LocalStageStream[]): void {
    const streams = [StreamType.AUDIO, StreamType.VIDEO].flatMap((kind) => wanted.find((s) => s.streamType === kind) ?? []);
    if (streams.length === 0) return this.stop();
    if (this.connection && this.state !== State.ERRORED && shapeOf(streams) === shapeOf(this.streams)) return this.swap(streams);
    this.connection?.close();
    this.replaceStreams(streams);
    this.setState(State.ATTEMPTING_PUBLISH);
    this.unused = [];
    this.connection = this.connect(streams);
  }

  stop(leaving = false): void {
    if (!this.connection) return;
    this.connection.close(leaving);
    this.connection = undefined;
    this.replaceStreams([]);
    this.setState(State.NOT_PUBLISHED);
  }

  /** Connects anew: the server does not have the publication any more. */
  renew(): void {
    this.connection?.renew();
  }

  networkChanged(): void {
    this.connection?.networkChanged();
  }

  /** Whether media flowed, from this end. */
  get wasLive(): boolean {
    return this.connection?.wasLive ?? false;
  }

  /** Leaves out the layers with these labels, and no others. */
  pauseLayers(labels: string[]): void {
    this.unused = labels;
    this.adjust();
  }

  private connect(streams: LocalStageStream[]): MediaConnection {
    const video = streams.find((s) => s.streamType === StreamType.VIDEO);
    const audio = streams.find((s) => s.streamType === StreamType.AUDIO);
    return new MediaConnection(this.server, {
      category: StageErrorCategory.PUBLISH_ERROR,
      configuration: video?.mediaConfig.inBandMessaging?.enabled ? messagesConfiguration() : {},
      prepare: (peer) => this.prepare(peer),
      adapt: (answer) => extendAnswer(answer, { stereo: audio?.mediaConfig.stereo ?? false, minBitrate: video?.mediaConfig.minBitrate }),
      answered: (peer) => this.answered(peer),
      live: () => this.setState(State.PUBLISHED),
      lost: () => this.setState(State.ATTEMPTING_PUBLISH),
      failed: (error) => {
        this.setState(State.ERRORED);
        this.owner.failed(error);
      },
    });
  }

  private prepare(peer: RTCPeerConnection): void {
    const together = new MediaStream();
    for (const published of this.published) {
      const { stream } = published;
      const track = stream.mediaStreamTrack;
      const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [together], sendEncodings: stream.encodings });
      // All viewers and compositions decode H.264.
      if (track.kind === 'video') preferCodec('video/H264', transceiver);
      else if ((this.server.link.roundTrip ?? 0) >= farAway) preferCodec('audio/red', transceiver);
      this.unbind(published);
      const messages = track.kind === 'video' && stream.mediaConfig.inBandMessaging?.enabled ? insertInto(transceiver.sender) : undefined;
      published.outlet = { sender: transceiver.sender, messages };
      stream.bind(published.outlet);
    }
  }

  /** Lets messages be inserted if the codec carries them. The answer tells it: Firefox lists no codecs of a sender. */
  private answered(peer: RTCPeerConnection): void {
    if (videoCodec(peer.currentRemoteDescription!.sdp) !== 'H264') return;
    for (const { outlet } of this.published) if (outlet) outlet.insert = outlet.messages?.insert;
  }

  /** Sends other streams of the same shape on the connection that there is. */
  private swap(streams: LocalStageStream[]): void {
    const before = this.published;
    if (streams.every((stream, i) => stream === before[i]?.stream)) return;
    const outlets = before.map((published) => {
      const { outlet } = published;
      if (outlet) published.stream.unbind(outlet);
      published.outlet = undefined;
      return outlet;
    });
    this.replaceStreams(streams);
    this.published.forEach((published, i) => {
      const outlet = (published.outlet = outlets[i]);
      if (!outlet) return;
      published.stream.bind(outlet);
      void outlet.sender.replaceTrack(published.stream.mediaStreamTrack).catch(() => {}); // closed meanwhile
    });
    this.adjust();
  }

  private replaceStreams(streams: LocalStageStream[]): void {
    const before = this.published;
    const removed = before.filter(({ stream }) => !streams.includes(stream));
    const added = streams.filter((stream) => !before.some((p) => p.stream === stream));
    for (const published of removed) this.release(published);
    this.published = streams.map((stream) => before.find((p) => p.stream === stream) ?? this.observe(stream));
    if (removed.length > 0) this.owner.streamsRemoved(removed.map(({ stream }) => stream));
    if (added.length > 0) this.owner.streamsAdded(added);
  }

  private observe(stream: LocalStageStream): Published {
    const muted = (): void => this.owner.muteChanged(stream);
    const trackChanged = (): void => this.adjust();
    stream.on(LocalStageStreamEvents.MUTE_CHANGED, muted);
    stream.on(LocalStageStreamEvents.TRACK_CHANGED, trackChanged);
    return { stream, muted, trackChanged };
  }

  private release(published: Published): void {
    this.unbind(published);
    published.stream.off(LocalStageStreamEvents.MUTE_CHANGED, published.muted);
    published.stream.off(LocalStageStreamEvents.TRACK_CHANGED, published.trackChanged);
  }

  private unbind({ stream, outlet }: Published): void {
    if (!outlet) return;
    stream.unbind(outlet);
    outlet.messages?.close();
  }

  /** Has the encoders fit the size of the video and the layers in use. Browsers take one change at a time. */
  private adjust(): void {
    const video = this.published.find(({ stream }) => stream.streamType === StreamType.VIDEO);
    const change = async (): Promise<void> => {
      const sender = video?.outlet?.sender;
      if (!sender) return;
      const parameters = sender.getParameters();
      const encodings = video.stream.encodings;
      parameters.encodings.forEach((encoding, i) => {
        if (encoding.rid) encoding.active = !this.unused.includes(encoding.rid);
        const scale = encodings[i]?.scaleResolutionDownBy;
        if (scale) encoding.scaleResolutionDownBy = scale;
      });
      await sender.setParameters(parameters);
    };
    this.parameters = this.parameters.then(change).catch(() => {}); // closed meanwhile, or not supported: then all is sent as before
  }

  private setState(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.owner.stateChanged(state);
  }
}

/** What of streams can't change without publishing anew. */
const shapeOf = (streams: LocalStageStream[]): string => JSON.stringify(streams.map((s) => [s.streamType, s.mediaConfig]));

/** Puts a codec before the others, if the browser has it. */
function preferCodec(mimeType: string, transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities(mimeType.split('/')[0]!)?.codecs ?? [];
  transceiver.setCodecPreferences([...codecs].sort((a, b) => Number(b.mimeType === mimeType) - Number(a.mimeType === mimeType)));
}
