import type { StageStream } from 'rostrum-sdk';

/** What was counted of one participant at one moment. */
interface Sample {
  at: number; // ms
  bytes: number;
  packets: number;
  lost: number;
  reportedLoss: number;
  width?: number;
  height?: number;
  framesPerSecond?: number;
  layers: number;
  activeLayers: number;
  roundTrip?: number; // s
  path?: string;
}

type Entry = Record<string, any> & { type: string };

/** Measures the streams of one participant, from one call to the next. */
export class Statistics {
  private before: Sample | undefined;

  constructor(private readonly local: boolean) {}

  /** What to show of the streams; empty until there is something to compare with. */
  async measure(streams: StageStream<any>[]): Promise<string[]> {
    const reports = await Promise.all(streams.map((stream) => stream.requestRTCStats()));
    const now = this.sum(reports.flatMap((report) => [...((report?.values() as Iterable<Entry> | undefined) ?? [])]));
    const { before } = this;
    this.before = now;
    return now && before && now.at > before.at ? this.describe(now, before) : [];
  }

  private sum(entries: Entry[]): Sample | undefined {
    const streams = entries.filter(({ type }) => type === (this.local ? 'outbound-rtp' : 'inbound-rtp'));
    if (streams.length === 0) return undefined;
    const total = (name: string): number => streams.reduce((sum, s) => sum + (s[name] ?? 0), 0);
    const videos = streams.filter(({ kind }) => kind === 'video');
    const active = videos.filter((s) => s['frameWidth'] && s['active'] !== false && s['framesPerSecond'] > 0);
    const best = active.sort((a, b) => b['frameWidth'] - a['frameWidth'])[0];
    const transport = entries.find(({ type }) => type === 'transport');
    const pair = entries.find(({ id, type, state, nominated }) => (transport ? id === transport['selectedCandidatePairId'] : type === 'candidate-pair' && nominated && state === 'succeeded'));
    const candidate = entries.find(({ id }) => id === pair?.['localCandidateId']);
    const protocol = candidate?.['relayProtocol'] ?? candidate?.['protocol'];
    return {
      at: streams[0]!['timestamp'],
      bytes: total(this.local ? 'bytesSent' : 'bytesReceived'),
      packets: total('packetsReceived'),
      lost: total('packetsLost'),
      reportedLoss: Math.max(0, ...entries.filter(({ type }) => type === 'remote-inbound-rtp').map((s) => s['fractionLost'] ?? 0)),
      width: best?.['frameWidth'],
      height: best?.['frameHeight'],
      framesPerSecond: best?.['framesPerSecond'],
      layers: videos.length,
      activeLayers: active.length,
      roundTrip: pair?.['currentRoundTripTime'],
      path: protocol && `${protocol.toUpperCase()}${candidate?.['candidateType'] === 'relay' ? ' relay' : ''}`,
    };
  }

  private describe(now: Sample, before: Sample): string[] {
    const figures: string[] = [];
    if (now.width) figures.push(`${now.width}×${now.height}`, `${Math.round(now.framesPerSecond ?? 0)} fps`);
    if (now.layers > 1) figures.push(`${now.activeLayers} of ${now.layers} layers`);
    const rate = (8 * Math.max(0, now.bytes - before.bytes)) / (now.at - before.at); // kbit/s
    figures.push(rate < 1000 ? `${Math.round(rate)} kbit/s` : `${(rate / 1000).toFixed(1)} Mbit/s`);
    const lost = Math.max(0, now.lost - before.lost);
    const loss = this.local ? now.reportedLoss : lost / Math.max(1, lost + now.packets - before.packets);
    figures.push(`${(100 * loss).toFixed(loss > 0 && loss < 0.1 ? 1 : 0)} % lost`);
    if (now.roundTrip !== undefined) figures.push(`${Math.round(1000 * now.roundTrip)} ms`);
    if (now.path) figures.push(now.path);
    return figures.map((figure) => figure.replaceAll(' ', '\u00a0')); // a line breaks between two only
  }
}
