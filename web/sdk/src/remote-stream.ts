import { StageStream, type StatsSource } from './stream.ts';
import type { Layer } from './wire.ts';

/** One of the layers that a publisher sends. */
export type StageStreamLayer = Readonly<Omit<Layer, 'active'>>;

/** Why a layer is received. */
export enum StageStreamLayerSelectedReason {
  /** It is the preferred one. */
  SELECTED = 'selected',
  /** It fits the bandwidth, and nothing is preferred. */
  ADAPTED = 'adapted',
  /** The preferred one is not to be had now. */
  UNAVAILABLE = 'unavailable',
}

export const RemoteStageStreamEvents = {
  ADAPTION_CHANGED: 'adaptionChanged',
  LAYERS_CHANGED: 'layersChanged',
  LAYER_SELECTED: 'layerSelected',
} as const;

export type RemoteStageStreamEvents = (typeof RemoteStageStreamEvents)[keyof typeof RemoteStageStreamEvents];

type Events = {
  [RemoteStageStreamEvents.ADAPTION_CHANGED]: [isAdapting: boolean];
  [RemoteStageStreamEvents.LAYERS_CHANGED]: [layers: StageStreamLayer[]];
  [RemoteStageStreamEvents.LAYER_SELECTED]: [layer: StageStreamLayer, reason: StageStreamLayerSelectedReason];
};

/** What a stream has to know of its participant. */
export interface StreamOwner {
  isMuted(stream: RemoteStageStream): boolean;
  layers(): StageStreamLayer[];
  selectedLayer(): StageStreamLayer | undefined;
}

/** Media of another participant. */
export class RemoteStageStream extends StageStream<Events> {
  /** @internal */
  constructor(
    readonly receiver: RTCRtpReceiver,
    private readonly owner: StreamOwner,
  ) {
    super(receiver.track, false);
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
