import { StageStream, type StatsSource, StreamType } from './stream.ts';
import { type OutgoingMessage, maxPayload, maxRepeats, newUUID, toBytes } from './sei.ts';
import { type Size, type StageVideoConfiguration, encodingsOf } from './simulcast.ts';

export interface StageAudioConfiguration {
  maxAudioBitrateKbps?: number; // 64 unless said otherwise
  stereo?: boolean;
}

export type StageStreamConfiguration = StageVideoConfiguration & StageAudioConfiguration;

export enum LocalStageStreamEvents {
  MUTE_CHANGED = 'MUTE_CHANGED',
  TRACK_CHANGED = 'TRACK_CHANGED',
}

export type LocalStageStreamEventMap = {
  [LocalStageStreamEvents.MUTE_CHANGED]: (isMuted: boolean) => void;
  [LocalStageStreamEvents.TRACK_CHANGED]: (track: MediaStreamTrack) => void;
};

/** Where a stream is published: once for each stage. */
export interface Outlet {
  readonly sender: RTCRtpSender;
  /** Only where what is sent carries messages. */
  insert?(message: OutgoingMessage): void;
}

/** Media of this page that a strategy may publish. */
export class LocalStageStream extends StageStream<LocalStageStreamEventMap> {
  private muted: boolean;
  private readonly outlets = new Set<Outlet>();

  constructor(
    track: MediaStreamTrack,
    readonly mediaConfig: StageStreamConfiguration = {},
  ) {
    super(track, true);
    this.muted = !track.enabled;
  }

  get isMuted(): boolean {
    return this.muted;
  }

  /** Mutes at once: silence or black pictures are sent, and everybody is told. */
  setMuted(muted: boolean): void {
    if (this.muted === muted) return;
    this.muted = muted;
    this.mediaStreamTrack.enabled = !muted;
    this.emit(LocalStageStreamEvents.MUTE_CHANGED, muted);
  }

  /** Sends another track of the same kind from now on, without publishing anew: another camera, say. */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    if (track.kind !== this.streamType) throw new TypeError(`This stream has ${this.streamType}, not ${track.kind}.`);
    track.enabled = !this.muted;
    this.setTrack(track);
    await Promise.all(
      [...this.outlets].map(({ sender }) =>
        sender.replaceTrack(track).catch((error: DOMException) => {
          if (error.name !== 'InvalidStateError') throw error; // else it gets the track when it connects anew
        }),
      ),
    );
    this.emit(LocalStageStreamEvents.TRACK_CHANGED, track);
  }

  /**
   * Sends a message within the video, with its next picture and as many as repeatCount
   * after that. It is rejected unless the stream has inBandMessaging and is published as H.264.
   */
  async insertSeiMessage(payload: BufferSource, { repeatCount = 0 }: { repeatCount?: number } = {}): Promise<void> {
    if (!this.mediaConfig.inBandMessaging?.enabled) throw new Error('This stream is not configured for messages: set inBandMessaging.');
    if (!Number.isInteger(repeatCount) || repeatCount < 0 || repeatCount > maxRepeats) throw new RangeError(`repeatCount must be 0 to ${maxRepeats}.`);
    const bytes = toBytes(payload);
    if (bytes.length === 0 || bytes.length > maxPayload) throw new RangeError(`A message has 1 to ${maxPayload} bytes.`);
    const inserting = [...this.outlets].filter((o) => o.insert);
    if (inserting.length === 0) throw new Error('This stream is not published, not as H.264, or the browser can not insert messages.');
    const message = { payload: bytes, uuid: newUUID(), repeatCount };
    for (const outlet of inserting) outlet.insert!(message);
  }

  /** @internal */
  bind(outlet: Outlet): void {
    this.outlets.add(outlet);
  }

  /** @internal */
  unbind(outlet: Outlet): void {
    this.outlets.delete(outlet);
  }

  /** @internal What RTCRtpSender encodes it to. */
  get encodings(): RTCRtpEncodingParameters[] {
    if (this.streamType === StreamType.AUDIO) return [{ maxBitrate: 1000 * (this.mediaConfig.maxAudioBitrateKbps ?? 64) }];
    return encodingsOf(this.mediaConfig, this.size);
  }

  private get size(): Size {
    const { width = 1280, height = 720 } = this.mediaStreamTrack.getSettings();
    return { width, height };
  }

  protected statsSource(): StatsSource | undefined {
    return [...this.outlets].at(-1)?.sender;
  }
}
