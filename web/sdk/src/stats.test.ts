import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LocalStageStream } from './local-stream.ts';
import { type LocalVideoStats, NetworkQuality, qualityStats, type RemoteVideoStats } from './stats.ts';

const reportOf = (...entries: object[]): RTCStatsReport => new Map(entries.map((e, i) => [`${i}`, e])) as unknown as RTCStatsReport;
const start = (): { packets: number; lost: number } => ({ packets: 0, lost: 0 });

test('a simulcast video has an entry for each layer, with what the receiver reports of it', () => {
  const report = reportOf(
    { type: 'outbound-rtp', kind: 'video', id: 'a', rid: 'hi', framesSent: 30, unknown: 1 },
    { type: 'outbound-rtp', kind: 'video', id: 'b', rid: 'low', framesSent: 15 },
    { type: 'outbound-rtp', kind: 'audio', id: 'c' },
    { type: 'remote-inbound-rtp', kind: 'video', localId: 'a', packetsLost: 3, roundTripTime: 0.25, fractionLost: 0 },
  );
  const [hi, low, ...more] = qualityStats('video', true, report, start()) as LocalVideoStats[];
  assert.deepEqual(hi, { framesSent: 30, rid: 'hi', packetsLost: 3, roundTripTime: 0.25, networkQuality: NetworkQuality.EXCELLENT });
  assert.deepEqual(low, { framesSent: 15, rid: 'low' });
  assert.equal(more.length, 0);
});

test('the quality of what is received is that since the former report', () => {
  const former = start();
  const quality = (packetsReceived: number, packetsLost: number): NetworkQuality | undefined => {
    const [stats] = qualityStats('video', false, reportOf({ type: 'inbound-rtp', kind: 'video', packetsReceived, packetsLost }), former) as RemoteVideoStats[];
    return stats!.networkQuality;
  };
  for (const [received, lost, expected] of [
    [0, 0, undefined],
    [1000, 0, 4],
    [1090, 10, NetworkQuality.POOR],
    [1100, 110, 0],
    [2099, 111, NetworkQuality.GOOD],
    [3069, 141, 2],
    [4069, 141, NetworkQuality.EXCELLENT],
    [4169, 139, NetworkQuality.EXCELLENT], // a retransmission came
    [4169, 139, undefined],
  ] as const) {
    assert.equal(quality(received, lost), expected, `${received} received, ${lost} lost`);
  }
});

test('what is sent is down where the receiver no longer reports, unless the layer is paused', () => {
  const layer = (rid: string, more: object = {}): object => ({ type: 'outbound-rtp', kind: 'video', id: rid, rid, timestamp: 60_000, ...more });
  const reported = (localId: string, timestamp: number): object => ({ type: 'remote-inbound-rtp', kind: 'video', localId, timestamp, fractionLost: 0 });
  const { DOWN, EXCELLENT } = NetworkQuality;
  for (const [name, entries, expected] of [
    ['reports ten seconds old', [layer('hi'), reported('hi', 50_000)], [DOWN]],
    ['reports four seconds old', [layer('hi'), reported('hi', 56_000)], [EXCELLENT]],
    ['none yet', [layer('hi')], [undefined]],
    ['a paused layer', [layer('hi', { active: false }), layer('low'), reported('hi', 1000), reported('low', 50_000)], [EXCELLENT, DOWN]],
    ['a layer for which there is no bandwidth', [layer('hi', { active: true }), layer('low'), reported('hi', 1000), reported('low', 59_000)], [EXCELLENT, EXCELLENT]],
  ] as [string, object[], (NetworkQuality | undefined)[]][]) {
    const stats = qualityStats('video', true, reportOf(...entries), start()) as LocalVideoStats[];
    assert.deepEqual(stats.map(({ networkQuality }) => networkQuality), expected, name);
  }
});

test('before there are statistics the quality is undefined', async () => {
  const stream = new LocalStageStream({ kind: 'video', enabled: true } as MediaStreamTrack);
  assert.equal(await stream.requestQualityStats(), undefined);
  const outbound = { type: 'outbound-rtp', kind: 'video', id: 'a' };
  let report = reportOf();
  stream.bind({ sender: { getStats: async () => report } as RTCRtpSender });
  assert.equal(await stream.requestQualityStats(), undefined);
  report = reportOf(outbound);
  assert.equal((await stream.requestQualityStats())?.length, 1);
});
