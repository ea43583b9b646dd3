/** How well a stream gets through, by the share of its packets that is lost. */
export enum NetworkQuality {
  DOWN = 0,
  POOR = 1,
  NORMAL = 2,
  GOOD = 3,
  /** Nothing is lost. */
  EXCELLENT = 4,
}

interface Sent {
  /** Undefined while nothing is known. */
  networkQuality?: NetworkQuality;
  bytesSent?: number;
  headerBytesSent?: number;
  packetsSent?: number;
  packetsLost?: number;
  nackCount?: number;
  retransmittedBytesSent?: number;
  retransmittedPacketsSent?: number;
  totalPacketSendDelay?: number;
  roundTripTime?: number;
}

export type LocalAudioStats = Sent;

export interface LocalVideoStats extends Sent {
  active?: boolean;
  rid?: string;
  encoderImplementation?: string;
  firCount?: number;
  pliCount?: number;
  frameHeight?: number;
  frameWidth?: number;
  framesEncoded?: number;
  framesPerSecond?: number;
  framesSent?: number;
  hugeFramesSent?: number;
  keyFramesEncoded?: number;
  qualityLimitationReason?: string;
  targetBitrate?: number;
}

interface Received {
  /** Undefined while nothing is known. */
  networkQuality?: NetworkQuality;
  bytesReceived?: number;
  headerBytesReceived?: number;
  packetsReceived?: number;
  packetsLost?: number;
  packetsDiscarded?: number;
  jitter?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  nackCount?: number;
}

export interface RemoteAudioStats extends Received {
  audioLevel?: number;
  concealedSamples?: number;
  concealmentEvents?: number;
  totalSamplesReceived?: number;
}

export interface RemoteVideoStats extends Received {
  decoderImplementation?: string;
  firCount?: number;
  pliCount?: number;
  frameHeight?: number;
  frameWidth?: number;
  framesDecoded?: number;
  framesDropped?: number;
  framesPerSecond?: number;
  framesReceived?: number;
  freezeCount?: number;
  totalFreezesDuration?: number;
  pauseCount?: number;
  totalPausesDuration?: number;
  keyFramesDecoded?: number;
}

export type QualityStats = LocalAudioStats | LocalVideoStats | RemoteAudioStats | RemoteVideoStats;

const sent = ['bytesSent', 'headerBytesSent', 'packetsSent', 'nackCount', 'retransmittedBytesSent', 'retransmittedPacketsSent', 'totalPacketSendDelay'];
const received = ['bytesReceived', 'headerBytesReceived', 'packetsReceived', 'packetsLost', 'packetsDiscarded', 'jitter', 'jitterBufferDelay', 'jitterBufferEmittedCount', 'nackCount'];
const fields = {
  localaudio: sent,
  localvideo: [
    ...sent, 'active', 'rid', 'encoderImplementation', 'firCount', 'pliCount', 'frameHeight', 'frameWidth', 'framesEncoded', 'framesPerSecond',
    'framesSent', 'hugeFramesSent', 'keyFramesEncoded', 'qualityLimitationReason', 'targetBitrate',
  ],
  remoteaudio: [...received, 'audioLevel', 'concealedSamples', 'concealmentEvents', 'totalSamplesReceived'],
  remotevideo: [
    ...received, 'decoderImplementation', 'firCount', 'pliCount', 'frameHeight', 'frameWidth', 'framesDecoded', 'framesDropped', 'framesPerSecond',
    'framesReceived', 'freezeCount', 'totalFreezesDuration', 'pauseCount', 'totalPausesDuration', 'keyFramesDecoded',
  ],
};

type Entry = Record<string, unknown> & { type: string };

const silentAfter = 5000; // ms; a receiver reports every second or so

/** What had been received when a report was read. */
export interface Progress {
  packets: number;
  lost: number;
}

/**
 * Reads from a browser's report what says how well a stream gets through. The quality of
 * what is received is judged since the former report, which is replaced by this one.
 */
export function qualityStats(kind: 'audio' | 'video', local: boolean, report: RTCStatsReport, former: Progress): QualityStats[] {
  const entries = [...report.values()] as Entry[];
  const reported = Math.max(...entries.filter(({ type }) => type === 'remote-inbound-rtp').map(({ timestamp }) => Number(timestamp ?? 0)));
  const names = fields[`${local ? 'local' : 'remote'}${kind}`];
  return entries
    .filter(({ type, kind: k }) => type === (local ? 'outbound-rtp' : 'inbound-rtp') && k === kind)
    .map((entry) => {
      const stats: Record<string, unknown> = {};
      for (const name of names) if (entry[name] !== undefined) stats[name] = entry[name];
      const remote = local ? entries.find(({ type, localId }) => type === 'remote-inbound-rtp' && localId === entry['id']) : undefined;
      if (remote) Object.assign(stats, { packetsLost: remote['packetsLost'], roundTripTime: remote['roundTripTime'] });
      const networkQuality = local ? sendingQuality(entry, remote, reported) : receivingQuality(entry, former);
      return (networkQuality === undefined ? stats : { ...stats, networkQuality }) as QualityStats;
    });
}

/** Judges by the receiver's last report. Where none came of any layer for long, nothing gets through. */
function sendingQuality(entry: Entry, report: Entry | undefined, reported: number): NetworkQuality | undefined {
  if (!report) return undefined;
  if (entry['active'] !== false && Number(entry['timestamp'] ?? 0) - reported > silentAfter) return NetworkQuality.DOWN;
  return qualityOf(Number(report['fractionLost'] ?? 0));
}

/** Judges by what came, and what did not, since the former report. */
function receivingQuality(entry: Entry, former: Progress): NetworkQuality | undefined {
  const now = { packets: Number(entry['packetsReceived'] ?? 0), lost: Number(entry['packetsLost'] ?? 0) };
  const packets = now.packets - former.packets;
  const lost = Math.max(0, now.lost - former.lost);
  Object.assign(former, now);
  return packets + lost > 0 ? qualityOf(lost / (packets + lost)) : undefined;
}

function qualityOf(loss: number): NetworkQuality {
  if (loss >= 0.5) return NetworkQuality.DOWN;
  if (loss >= 0.05) return NetworkQuality.POOR;
  if (loss >= 0.02) return NetworkQuality.NORMAL;
  return loss > 0 ? NetworkQuality.GOOD : NetworkQuality.EXCELLENT;
}
