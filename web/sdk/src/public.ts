export { type Caption, CaptionTrack, type ReceivedCaption, readCaption, sendCaption } from './captions.ts';
export { RealTimeConnectionError, RealTimeConnectionErrorCode } from './connection-error.ts';
export { RealTimeConnection, type RealTimeConnectionEventMap, RealTimeConnectionState } from './connection.ts';
export { DeviceError, DeviceFailure, type Devices, listDevices, onDevicesChanged, openCamera, openMicrophone, openScreen, setSpeaker } from './devices.ts';
export { StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
export {
  type AnyStageStream,
  StageConnectionState,
  type StageEventMap,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
} from './events.ts';
export { LocalStageStream, type LocalStageStreamEventMap, LocalStageStreamEvents, type StageAudioConfiguration, type StageStreamConfiguration } from './local-stream.ts';
export type { StageParticipantCapabilities, StageParticipantInfo } from './participant.ts';
export { NoPictureReason } from './picture.ts';
export { RemoteStageStream, type RemoteStageStreamEventMap, RemoteStageStreamEvents, type StageStreamLayer, StageStreamLayerSelectedReason } from './remote-stream.ts';
export type { SeiMessage } from './sei.ts';
export { type SelfTestOptions, type SelfTestReport, testPublishing } from './self-test.ts';
export {
  type InBandMessagingStageVideoConfiguration,
  type SimulcastConfiguration,
  SimulcastLayerPresets,
  type SimulcastLocalLayerConfiguration,
  type StageVideoConfiguration,
} from './simulcast.ts';
export { Stage, type StageConfiguration } from './stage.ts';
export { type LocalAudioStats, type LocalVideoStats, NetworkQuality, type QualityStats, type RemoteAudioStats, type RemoteVideoStats } from './stats.ts';
export {
  type InBandMessagingSubscribeConfiguration,
  InitialLayerPreference,
  type JitterBufferConfiguration,
  JitterBufferMinDelay,
  type SimulcastSubscribeConfiguration,
  type StageStrategy,
  type SubscribeConfiguration,
  SubscribeType,
} from './strategy.ts';
export { StageStream, StreamType } from './stream.ts';
export { type Claims, parseToken } from './token.ts';

export const __version: string = VERSION;
