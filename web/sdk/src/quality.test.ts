import assert from 'node:assert/strict';
import { test } from 'node:test';

import { QualityReporter, summarize } from './quality.ts';
import type { Quality } from './wire.ts';

const reportOf = (...entries: { id: string; type: string }[]): RTCStatsReport => new Map(entries.map((e) => [e.id, e])) as unknown as RTCStatsReport;

test('a summary is about the time between two reports', () => {
  const at = (packetsReceived: number, packetsLost: number, bytesReceived: number, freezes: number): RTCStatsReport =>
    reportOf(
      { id: 'v', type: 'inbound-rtp', kind: 'video', packetsReceived, packetsLost, bytesReceived, jitter: 0.012, freezeCount: freezes, totalFreezesDuration: freezes / 2, framesDropped: 7, framesPerSecond: 24, frameHeight: 360, codecId: 'c', decoderImplementation: 'FFmpeg' } as never,
      { id: 'c', type: 'codec', mimeType: 'video/H264' } as never,
      { id: 't', type: 'transport', selectedCandidatePairId: 'p' } as never,
      { id: 'p', type: 'candidate-pair', localCandidateId: 'l', currentRoundTripTime: 0.04, availableIncomingBitrate: 900_000 } as never,
      { id: 'l', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls' } as never,
    );
  assert.deepEqual(summarize(at(1090, 110, 625_000, 3), at(1000, 100, 0, 1), false, 5), {
    bitrate: 1_000_000, loss: 0.1, roundTrip: 40, jitter: 12, frameRate: 24, height: 360, freezes: 2, frozen: 1000, estimate: 900_000,
    path: 'relay tls', codec: 'H264', coder: 'FFmpeg',
  });
});

test('what is sent has the loss that the server reports, and why the encoder was limited', () => {
  const at = (packetsSent: number, packetsLost: number, cpu: number, frames: number, hi: number): RTCStatsReport =>
    reportOf(
      { id: 'hi', type: 'outbound-rtp', kind: 'video', packetsSent, framesEncoded: hi, framesPerSecond: 12, frameHeight: 720, qualityLimitationDurations: { cpu, bandwidth: 0 } } as never,
      { id: 'low', type: 'outbound-rtp', kind: 'video', framesEncoded: 0, framesPerSecond: 0, frameHeight: 1080 } as never,
      { id: 'r', type: 'remote-inbound-rtp', localId: 'hi', packetsLost, roundTripTime: 0.03 } as never,
      { id: 's', type: 'media-source', kind: 'video', frames } as never,
    );
  assert.deepEqual(summarize(at(1100, 8, 14, 250, 160), at(1000, 3, 10, 100, 100), true, 5), {
    loss: 0.05, roundTrip: 30, frameRate: 12, height: 720, cpuLimited: 4000, framesDropped: 90,
  });
});

test('without statistics there is nothing, and a new connection begins at nothing', () => {
  assert.deepEqual(summarize(reportOf(), undefined, true, 5), {});
  const first = reportOf({ id: 'v', type: 'inbound-rtp', kind: 'audio', packetsReceived: 90, packetsLost: 10, bytesReceived: 5000 } as never);
  assert.deepEqual(summarize(first, undefined, false, 5), { bitrate: 8000, loss: 0.1 });
});

test('reports are sent every five seconds until they are stopped, the worst of several subscriptions', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const peer = (jitter: number): RTCPeerConnection => ({ getStats: async () => reportOf({ id: 'v', type: 'inbound-rtp', kind: 'video', jitter, framesPerSecond: 30, frameHeight: 100 * jitter } as never) }) as never;
  const gone = { getStats: () => Promise.reject(new Error('closed')) } as never;
  const sent: Quality[] = [];
  const reporter = new QualityReporter({ sending: undefined, receiving: [peer(0.01), gone, peer(0.03)] }, (q) => sent.push(q));
  t.mock.timers.tick(5000);
  await new Promise((resolve) => setImmediate(resolve));
  reporter.stop();
  t.mock.timers.tick(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]!.received, { jitter: 30, frameRate: 30, height: 3 });
});
