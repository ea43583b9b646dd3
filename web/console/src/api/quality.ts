import { get } from './client.ts';

/** Five seconds or more of one direction. What is 0 or unknown is absent. */
export interface Sample {
  at: string; // end of the interval
  interval: number; // seconds
  bitrateKbps?: number;
  lossPermille?: number;
  sourceLossPermille?: number;
  roundTripMs?: number;
  jitterMs?: number;
  frameRate?: number;
  height?: number;
  freezes?: number;
  frozenMs?: number;
  estimateKbps?: number;
  keyframeWaitMs?: number;
  cpuLimitedMs?: number;
  bandwidthLimitedMs?: number;
  framesDropped?: number;
  loadPercent?: number;
  serverDrops?: number;
  limits?: string[];
}

export type Direction = 'sent' | 'received';

export interface Cause {
  code: string;
  direction: Direction;
  score: number; // 0 to 1
  detail: string;
}

/** What happened to the media of a participant. */
export interface Entry {
  at: string; // when it began
  kind: string; // layer, paused, freeze, keyframe-wait, lost, socket-lost, reconnected
  publisherId?: string; // of what is received
  durationMs?: number;
  text: string;
  cause?: Cause; // the most likely one
}

export interface Details {
  device?: string;
  sendPath?: string;
  receivePath?: string;
  sendCodec?: string;
  receiveCodec?: string;
  encoder?: string;
  decoder?: string;
}

export interface Quality {
  from: string;
  to: string;
  causes: Cause[]; // the most likely first
  details: Details;
  timeline: Entry[]; // in the order of time
  missing?: string; // why the newest samples are not here
  sent: Sample[];
  received: Sample[];
}

/** A stretch of time in milliseconds since 1970. */
export interface Stretch {
  from: number;
  to?: number;
}

/** How well the media of a participant got through; without a stretch in the last hour that there is. */
export function readQuality(stage: string, session: string, participant: string, stretch: Stretch | undefined, signal?: AbortSignal): Promise<Quality> {
  const query = Object.entries(stretch ?? {}).map(([name, ms]) => `${name}=${new Date(ms as number).toISOString()}`);
  return get(`/quality/${[stage, session, participant].map(encodeURIComponent).join('/')}?${query.join('&')}`, signal);
}
