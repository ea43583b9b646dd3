import type { StageParticipantInfo } from './participant.ts';
import { StageStream, type StatsSource } from './stream.ts';

/** One of the layers that a publisher sends. */
export interface StageStreamLayer {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly bitrateBps: number;
  readonly framesPerSecond: number;
  /** It is the one that is received. */
  readonly selected: boolean;
}

/** Why a layer is received. */
export enum StageStreamLayerSelectedReason {
  /** The application prefers it, or nothing is preferred and the server chose it. */
  SELECTED = 'selected',
  /** The preferred one is not to be had now. */
  UNAVAILABLE = 'unavailable',
}

export enum RemoteStageStreamEvents {
  ADAPTION_CHANGED = 'ADAPTION_CHANGED',
  /** The layers are others, or another one is selected. */
  LAYERS_CHANGED = 'LAYERS_CHANGED',
  LAYER_SELECTED = 'LAYER_SELECTED',
}

export type RemoteStageStreamEventMap = {
  [RemoteStageStreamEvents.ADAPTION_CHANGED]: (isAdapting: boolean) => void;
  [RemoteStageStreamEvents.LAYERS_CHANGED]: (layers: StageStreamLayer[]) => void;
  [RemoteStageStreamEvents.LAYER_SELECTED]: (layer: StageStreamLayer, reason: StageStreamLayerSelectedReason) => void;
};

/** What a stream has to know of its participant. */
export interface StreamOwner {
  readonly info: StageParticipantInfo;
  readonly isAdapting: boolean;
  isMuted(stream: RemoteStageStream): boolean;
  layers(): StageStreamLayer[];
  selectedLayer(): StageStreamLayer | undefined;
}

/** Media of another participant. */
export class RemoteStageStream extends StageStream<RemoteStageStreamEventMap> {
  /** @internal */
  constructor(
    readonly receiver: RTCRtpReceiver,
    private readonly owner: StreamOwner,
  ) {
    super(receiver.track, false);
  }

  get participantInfo(): StageParticipantInfo {
    return this.owner.info;
  }

  /** Whether the server chooses among several layers; if not, there is one, or the application prefers one. */
  get isAdapting(): boolean {
    return this.streamType === 'video' && this.owner.isAdapting;
  }

  get isMuted(): boolean {
    return this.owner.isMuted(this);
  }

  /** The layers of a simulcast video, the best first; none if it has one only. */
  getLayers(): StageStreamLayer[] {
    return this.streamType === 'video' ? this.owner.layers() : [];
  }

  getSelectedLayer(): StageStreamLayer | undefined {
    return this.streamType === 'video' ? this.owner.selectedLayer() : undefined;
  }

  getLowestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers().at(-1);
  }

  getHighestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers()[0];
  }

  protected statsSource(): StatsSource {
    return this.receiver;
  }
}
