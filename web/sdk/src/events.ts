import type { StageError } from './errors.ts';
import type { LocalStageStream } from './local-stream.ts';
import type { StageParticipantInfo } from './participant.ts';
import type { NoPictureReason } from './picture.ts';
import type { RemoteStageStream, StageStreamLayer, StageStreamLayerSelectedReason } from './remote-stream.ts';
import type { SeiMessage } from './sei.ts';

export enum StageEvents {
  ERROR = 'error',
  STAGE_CONNECTION_STATE_CHANGED = 'stageConnectionStateChanged',
  STAGE_LEFT = 'stageLeft',
  STAGE_PARTICIPANT_JOINED = 'stageParticipantJoined',
  STAGE_PARTICIPANT_LEFT = 'stageParticipantLeft',
  STAGE_PARTICIPANT_METADATA_CHANGED = 'stageParticipantMetadataChanged',
  STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED = 'stageParticipantPublishStateChanged',
  STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED = 'stageParticipantSubscribeStateChanged',
  STAGE_PARTICIPANT_STREAMS_ADDED = 'stageParticipantStreamsAdded',
  STAGE_PARTICIPANT_STREAMS_REMOVED = 'stageParticipantStreamsRemoved',
  STAGE_STREAM_MUTE_CHANGED = 'stageStreamMuteChanged',
  STAGE_STREAM_ADAPTION_CHANGED = 'stageStreamAdaptionChanged',
  STAGE_STREAM_LAYERS_CHANGED = 'stageStreamLayersChanged',
  STAGE_STREAM_LAYER_SELECTED = 'stageStreamLayerSelected',
  STAGE_STREAM_SEI_MESSAGE_RECEIVED = 'stageStreamSeiMessageReceived',
  /** Who speaks has changed: nobody if there is no participant. */
  STAGE_ACTIVE_SPEAKER_CHANGED = 'stageActiveSpeakerChanged',
  /** A participant's picture has come, or why there is none has changed. */
  STAGE_PARTICIPANT_PICTURE_CHANGED = 'stageParticipantPictureChanged',
}

export enum StageConnectionState {
  DISCONNECTED = 'disconnected',
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
  ERRORED = 'errored',
}

export enum StageParticipantPublishState {
  NOT_PUBLISHED = 'not_published',
  ATTEMPTING_PUBLISH = 'attempting_publish',
  PUBLISHED = 'published',
  ERRORED = 'errored',
}

export enum StageParticipantSubscribeState {
  NOT_SUBSCRIBED = 'not_subscribed',
  ATTEMPTING_SUBSCRIBE = 'attempting_subscribe',
  SUBSCRIBED = 'subscribed',
  ERRORED = 'errored',
}

export enum StageLeftReason {
  USER_INITIATED = 'user-initiated',
  PARTICIPANT_DISCONNECTED = 'participant-disconnected',
  STAGE_DELETED = 'stage-deleted',
  TOKEN_REUSED = 'token-reused',
  FAILED_EXCHANGE = 'failed-exchange',
  REAL_TIME_CONNECTION_FORCED_LEAVE = 'real-time-connection-forced-leave',
  REAL_TIME_CONNECTION_TOKEN_REVOCATION = 'real-time-connection-token-revocation',
  UNKNOWN = 'unknown',
}

/** Any stream of a participant: local ones of the local participant, remote ones of others. */
export type AnyStageStream = LocalStageStream | RemoteStageStream;

/** The listeners of each event. */
export type StageEventMap = {
  [StageEvents.ERROR]: (error: StageError) => void;
  [StageEvents.STAGE_CONNECTION_STATE_CHANGED]: (state: StageConnectionState) => void;
  /** With the error that says more about it, unless the application left. */
  [StageEvents.STAGE_LEFT]: (reason: StageLeftReason, error?: StageError) => void;
  [StageEvents.STAGE_PARTICIPANT_JOINED]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_PARTICIPANT_LEFT]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED]: (participant: StageParticipantInfo, state: StageParticipantPublishState) => void;
  [StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED]: (participant: StageParticipantInfo, state: StageParticipantSubscribeState) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED]: (participant: StageParticipantInfo, streams: AnyStageStream[]) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED]: (participant: StageParticipantInfo, streams: AnyStageStream[]) => void;
  [StageEvents.STAGE_STREAM_MUTE_CHANGED]: (participant: StageParticipantInfo, stream: AnyStageStream) => void;
  [StageEvents.STAGE_STREAM_ADAPTION_CHANGED]: (participant: StageParticipantInfo, stream: RemoteStageStream, isAdapting: boolean) => void;
  [StageEvents.STAGE_STREAM_LAYERS_CHANGED]: (participant: StageParticipantInfo, stream: RemoteStageStream, layers: StageStreamLayer[]) => void;
  [StageEvents.STAGE_STREAM_LAYER_SELECTED]: (
    participant: StageParticipantInfo,
    stream: RemoteStageStream,
    layer: StageStreamLayer,
    reason: StageStreamLayerSelectedReason,
  ) => void;
  [StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED]: (participant: StageParticipantInfo, message: SeiMessage) => void;
  [StageEvents.STAGE_ACTIVE_SPEAKER_CHANGED]: (participant: StageParticipantInfo | undefined) => void;
  [StageEvents.STAGE_PARTICIPANT_PICTURE_CHANGED]: (participant: StageParticipantInfo, reason: NoPictureReason | undefined) => void;
};
