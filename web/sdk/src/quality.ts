import type { MediaQuality, Quality } from './wire.ts';

const interval = 5000; // ms

/** The peer connections of a stage. */
export interface QualitySource {
  readonly sending: RTCPeerConnection | undefined;
  readonly receiving: RTCPeerConnection[];
}

/** Reports every five seconds how well the media of a stage get through. */
export class QualityReporter {
  private readonly timer = setInterval(() => void this.report(), interval);
  private former = new Map<RTCPeerConnection, RTCStatsReport>();
  private measured = performance.now();

  constructor(
    private readonly source: QualitySource,
    private readonly send: (quality: Quality) => void,
  ) {}

  stop(): void {
    clearInterval(this.timer);
  }

  /** Summarizes what happened since the last time. */
  private async report(): Promise<void> {
    const { sending, receiving } = this.source;
    const now = performance.now();
    const seconds = (now - this.measured) / 1000;
    this.measured = now;
    const reports = new Map<RTCPeerConnection, RTCStatsReport>();
    const summary = async (peer: RTCPeerConnection): Promise<MediaQuality | undefined> => {
      const report = await peer.getStats().catch(() => undefined); // closed meanwhile
      if (!report) return undefined;
      reports.set(peer, report);
      return summarize(report, this.former.get(peer), peer === sending, seconds);
    };
    const [sent, ...received] = await Promise.all([sending && summary(sending), ...receiving.map(summary)]);
    this.former = reports;
    const all = received.filter((r) => r !== undefined);
    if (!sent && all.length === 0) return;
    this.send({ interval: Math.round(1000 * seconds), sent, received: all.length > 0 ? all.reduce(together) : undefined, device: device() });
  }
}

type Entry = Record<string, unknown> & { id: string; type: string };

const value = (entry: Entry | undefined, name: string): number => Number(entry?.[name] ?? 0) || 0;
const highest = (entries: Entry[], name: string): number => Math.max(0, ...entries.map((e) => value(e, name)));

/** What a browser's reports say of the time between them. */
export function summarize(report: RTCStatsReport, before: RTCStatsReport | undefined, local: boolean, seconds: number): MediaQuality {
  const entries = [...report.values()] as Entry[];
  const since = (e: Entry | undefined, name: string): number => Math.max(0, value(e, name) - (e ? value(before?.get(e.id), name) : 0));
  const sum = (all: Entry[], name: string): number => all.reduce((n, e) => n + since(e, name), 0);
  const rtp = entries.filter(({ type }) => type === (local ? 'outbound-rtp' : 'inbound-rtp'));
  const remote = entries.filter(({ type }) => type === 'remote-inbound-rtp');
  const source = entries.find(({ type, kind }) => type === 'media-source' && kind === 'video');
  const videos = rtp.filter(({ kind }) => kind === 'video');
  const video = videos.reduce<Entry | undefined>((a, b) => (value(b, 'framesPerSecond') > 0 && value(b, 'frameHeight') >= value(a, 'frameHeight') ? b : a), videos[0]);
  const lost = sum(local ? remote : rtp, 'packetsLost');
  const packets = local ? sum(rtp, 'packetsSent') : sum(rtp, 'packetsReceived') + lost;
  const pair = pairOf(report, entries);
  const limited = (reason: string): number => {
    const durations = (e: Entry | undefined): number => value(e?.['qualityLimitationDurations'] as Entry | undefined, reason);
    return 1000 * Math.max(0, ...videos.map((e) => durations(e) - durations(before?.get(e.id))));
  };
  return known({
    bitrate: (8 * sum(rtp, local ? 'bytesSent' : 'bytesReceived')) / seconds,
    loss: packets > 0 ? Math.min(1, lost / packets) : 0,
    roundTrip: 1000 * (highest(remote, 'roundTripTime') || value(pair, 'currentRoundTripTime')),
    jitter: 1000 * highest(local ? remote : rtp, 'jitter'),
    frameRate: value(video, 'framesPerSecond'),
    height: value(video, 'frameHeight'),
    freezes: sum(videos, 'freezeCount'),
    frozen: 1000 * sum(videos, 'totalFreezesDuration'),
    estimate: value(pair, local ? 'availableOutgoingBitrate' : 'availableIncomingBitrate'),
    cpuLimited: limited('cpu'),
    bandwidthLimited: limited('bandwidth'),
    framesDropped: local ? droppedByEncoder(since(source, 'frames'), videos.map((e) => since(e, 'framesEncoded'))) : sum(videos, 'framesDropped'),
    path: pathOf(report, pair),
    codec: String((report.get(String(video?.['codecId'])) as Entry | undefined)?.['mimeType'] ?? '').replace('video/', ''),
    coder: String(video?.[local ? 'encoderImplementation' : 'decoderImplementation'] ?? ''),
  });
}

/** A layer that encodes all frames shows that none is dropped. Without an encoder there is nothing to drop. */
function droppedByEncoder(captured: number, encoded: number[]): number {
  const best = Math.max(0, ...encoded);
  return best > 0 ? Math.max(0, captured - best) : 0;
}

/** The pair of candidates in use: browsers name it in different ways. */
function pairOf(report: RTCStatsReport, entries: Entry[]): Entry | undefined {
  const transport = entries.find(({ type }) => type === 'transport');
  const named = report.get(String(transport?.['selectedCandidatePairId'])) as Entry | undefined;
  return named ?? entries.find((e) => e.type === 'candidate-pair' && (e['selected'] ?? e['nominated']) && e['state'] === 'succeeded');
}

function pathOf(report: RTCStatsReport, pair: Entry | undefined): string {
  const local = report.get(String(pair?.['localCandidateId'])) as Entry | undefined;
  return local ? [local['candidateType'], local['relayProtocol'] ?? local['protocol']].filter(Boolean).join(' ') : '';
}

/** Rounds numbers, and leaves out what is nothing. */
function known(all: Required<Omit<MediaQuality, 'keyframeWait'>>): MediaQuality {
  const round = ([name, v]: [string, string | number]): [string, string | number] => [name, typeof v === 'string' ? v : name === 'loss' ? Math.round(1e4 * v) / 1e4 : Math.round(v)];
  return Object.fromEntries(Object.entries(all).map(round).filter(([, v]) => v));
}

/** Several subscriptions: the sum of the bitrates, the worst of the rest. */
function together(a: MediaQuality, b: MediaQuality): MediaQuality {
  const all: Record<string, unknown> = { ...a };
  for (const [name, v] of Object.entries(b)) {
    const other = all[name] ?? 0;
    if (typeof v === 'string') all[name] ??= v;
    else all[name] = name === 'bitrate' ? v + (other as number) : Math.max(v, other as number);
  }
  return all;
}

function device(): string {
  const { userAgentData, hardwareConcurrency, deviceMemory } = (globalThis.navigator ?? {}) as Navigator & { userAgentData?: { platform?: string }; deviceMemory?: number };
  const parts = [userAgentData?.platform, hardwareConcurrency && `${hardwareConcurrency} cores`, deviceMemory && `${deviceMemory} GB`];
  return parts.filter(Boolean).join(', ');
}
