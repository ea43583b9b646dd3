import { Emitter } from './emitter.ts';
import { type Progress, type QualityStats, qualityStats } from './stats.ts';

export enum StreamType {
  AUDIO = 'audio',
  VIDEO = 'video',
}

/** Where the media of a stream are sent or received. */
export type StatsSource = Pick<RTCRtpSender, 'getStats'>;

/** One audio or video of a participant. */
export abstract class StageStream<M extends { [E in keyof M]: (...payload: never[]) => void } = {}> extends Emitter<M> {
  private readonly progress: Progress = { packets: 0, lost: 0 };

  /** @internal */
  constructor(
    private track: MediaStreamTrack,
    private readonly local: boolean,
  ) {
    super();
  }

  /** The id of its track. */
  get id(): string {
    return this.track.id;
  }

  abstract get isMuted(): boolean;

  get mediaStreamTrack(): MediaStreamTrack {
    return this.track;
  }

  get streamType(): StreamType {
    return this.track.kind as StreamType;
  }

  /** The browser's statistics of this stream; undefined while it is neither sent nor received. */
  async requestRTCStats(): Promise<RTCStatsReport | undefined> {
    return this.statsSource()
      ?.getStats()
      .catch(() => undefined);
  }

  /** What the statistics say of the quality: one entry a layer for a local video, otherwise one; undefined before there are any. */
  async requestQualityStats(): Promise<QualityStats[] | undefined> {
    const report = await this.requestRTCStats();
    const stats = report ? qualityStats(this.streamType, this.local, report, this.progress) : [];
    return stats.length > 0 ? stats : undefined;
  }

  /** The loudness from 0 to 1; undefined while it is not known. */
  async requestAudioLevel(): Promise<number | undefined> {
    const report = await this.requestRTCStats();
    const type = this.local ? 'media-source' : 'inbound-rtp';
    for (const entry of report?.values() ?? []) if (entry.type === type && entry.audioLevel !== undefined) return entry.audioLevel;
    return undefined;
  }

  /** @deprecated Use requestRTCStats. */
  getStats(): Promise<RTCStatsReport | undefined> {
    return this.requestRTCStats();
  }

  /** Releases what statistics hold, which is nothing here. */
  cleanup(): void {}

  /** @internal */
  protected abstract statsSource(): StatsSource | undefined;

  /** @internal */
  protected setTrack(track: MediaStreamTrack): void {
    this.track = track;
  }
}
