/** Why there is no picture of a participant. */
export enum NoPictureReason {
  NOT_ON_STAGE = 'not-on-stage',
  NOT_PUBLISHING = 'not-publishing',
  /** This token does not allow to subscribe. */
  NOT_ALLOWED = 'not-allowed',
  /** The strategy does not want it, or audio only. */
  NOT_WANTED = 'not-wanted',
  CONNECTING = 'connecting',
  /** The media stopped; they are connected anew. */
  RECONNECTING = 'reconnecting',
  /** The subscription failed: an error event says why. */
  FAILED = 'failed',
  /** The participant publishes no video. */
  AUDIO_ONLY = 'audio-only',
  /** The participant has stopped its video. */
  VIDEO_STOPPED = 'video-stopped',
  /** This end's connection is too slow for any layer. */
  BANDWIDTH = 'bandwidth',
  /** The publisher sends no video now. */
  NOTHING_SENT = 'nothing-sent',
  /** This browser lacks the publisher's codec. */
  CODEC = 'codec',
}
