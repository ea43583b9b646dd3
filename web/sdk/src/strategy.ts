import type { LocalStageStream } from './local-stream.ts';
import type { StageParticipantInfo } from './participant.ts';
import type { RemoteStageStream, StageStreamLayer } from './remote-stream.ts';

/** What of a participant is received. */
export enum SubscribeType {
  NONE = 'none',
  AUDIO_ONLY = 'audio_only',
  AUDIO_VIDEO = 'audio_video',
}

/** For how long received media wait, so that late packets are still in time. */
export enum JitterBufferMinDelay {
  DEFAULT = 'default',
  LOW = 'low',
  MEDIUM = 'medium',
  HIGH = 'high',
}

/** Which layer a subscription begins with. */
export enum InitialLayerPreference {
  LOWEST_QUALITY = 'lowest_quality',
  HIGHEST_QUALITY = 'highest_quality',
}

export interface JitterBufferConfiguration {
  /** A preset, or milliseconds. It is not applied while this participant publishes. */
  minDelay?: number | JitterBufferMinDelay;
}

export interface InBandMessagingSubscribeConfiguration {
  enabled: boolean;
}

export interface SimulcastSubscribeConfiguration {
  initialLayerPreference?: InitialLayerPreference;
}

export interface SubscribeConfiguration {
  jitterBuffer?: JitterBufferConfiguration;
  inBandMessaging?: InBandMessagingSubscribeConfiguration;
  simulcast?: SimulcastSubscribeConfiguration;
}

/** The application's decisions. The stage asks again at {@link Stage.refreshStrategy} and whenever somebody comes. */
export interface StageStrategy {
  stageStreamsToPublish(): LocalStageStream[];
  shouldPublishParticipant(participant: StageParticipantInfo): boolean;
  shouldSubscribeToParticipant(participant: StageParticipantInfo): SubscribeType;
  subscribeConfiguration?(participant: StageParticipantInfo): SubscribeConfiguration;
  /** The layer to receive, or its label; nothing lets the bandwidth decide. */
  preferredLayerForStream?(participant: StageParticipantInfo, stream: RemoteStageStream): StageStreamLayer | string | null | undefined;
}
