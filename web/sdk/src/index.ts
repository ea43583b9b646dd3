export { type Caption, CaptionTrack, type ReceivedCaption, readCaption, sendCaption } from './captions.ts';
export { RealTimeConnection, RealTimeConnectionEvents, RealTimeConnectionState } from './connection.ts';
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
export { type AudioConfiguration, LocalStageStream, LocalStageStreamEvents, type LocalStreamConfiguration } from './local-stream.ts';
export type { StageParticipantInfo } from './participant.ts';
export { NoPictureReason } from './picture.ts';
export { RemoteStageStream, RemoteStageStreamEvents, type StageStreamLayer, StageStreamLayerSelectedReason } from './remote-stream.ts';
export type { ReceivedSeiMessage } from './sei.ts';
export { type SimulcastLayer, SimulcastLayerPresets, type VideoConfiguration } from './simulcast.ts';
export { Stage, type StageConfiguration } from './stage.ts';
export { type LocalAudioStats, type LocalVideoStats, NetworkQuality, type QualityStats, type RemoteAudioStats, type RemoteVideoStats } from './stats.ts';
export { InitialLayerPreference, JitterBufferMinDelay, type StageStrategy, type SubscribeConfiguration, SubscribeType } from './strategy.ts';
export { StageStream, StreamType } from './stream.ts';
export { DeviceError, DeviceFailure, type Devices, listDevices, onDevicesChanged, openCamera, openMicrophone, openScreen, setSpeaker } from './devices.ts';
export { type SelfTestOptions, type SelfTestReport, testPublishing } from './self-test.ts';
