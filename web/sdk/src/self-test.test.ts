import assert from 'node:assert/strict';
import { type TestContext, beforeEach, mock, test } from 'node:test';

import { StageErrorCategory, StageErrorCode } from './errors.ts';
import { answer, state } from './fake-stage.ts';
import { FakePeer, FakeSocket, FakeTrack, installFakes, newest, settle, tokenOf } from './fake.ts';
import { type SelfTestReport, testPublishing } from './self-test.ts';

beforeEach((t) => {
  installFakes();
  const track = Object.assign(new FakeTrack('video'), { stop: () => {} });
  const canvas = { getContext: () => ({ fillRect: () => {} }), captureStream: () => ({ getVideoTracks: () => [track] }) };
  Object.assign(globalThis, { document: { createElement: () => canvas } });
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  (t as TestContext).after(() => mock.timers.reset());
});

/** Starts a test of two seconds, which gives up after three. */
async function start(join: boolean) {
  let report: SelfTestReport | undefined;
  void testPublishing(tokenOf(), { seconds: 2, timeout: 3 }).then((r) => (report = r));
  const socket = newest(FakeSocket.all);
  socket.open();
  if (join) socket.deliver(state('self'));
  await settle();
  const pass = async (ms: number): Promise<SelfTestReport | undefined> => {
    mock.timers.tick(ms);
    await settle();
    return report;
  };
  return { socket, pass };
}

test('joining is given up after the timeout', async () => {
  const { socket, pass } = await start(false);
  assert.equal(await pass(2999), undefined);
  const report = await pass(1);
  assert.equal(report?.reached, 'nothing');
  assert.deepEqual([report.error?.code, report.error?.category], [StageErrorCode.TIMEOUT, StageErrorCategory.JOIN_ERROR]);
  assert.equal(socket.closedWith, 1000);
});

test('connecting the media is given up after the timeout', async () => {
  const { pass } = await start(true);
  const report = await pass(3000);
  assert.equal(report?.reached, 'joined');
  assert.deepEqual([report.error?.code, report.error?.category], [StageErrorCode.TIMEOUT, StageErrorCategory.PUBLISH_ERROR]);
});

test('the path is that of the selected pair, and the timeout does not end the measurement', async () => {
  const { socket, pass } = await start(true);
  await answer(socket, 'PUBLISH');
  const peer = newest(FakePeer.all);
  const entries = [
    { id: 'former', type: 'candidate-pair', nominated: true, state: 'succeeded', localCandidateId: 'udp', currentRoundTripTime: 9 },
    { id: 'present', type: 'candidate-pair', nominated: true, state: 'succeeded', localCandidateId: 'relay', currentRoundTripTime: 0.1 },
    { id: 'udp', type: 'local-candidate', protocol: 'udp', candidateType: 'host' },
    { id: 'relay', type: 'local-candidate', protocol: 'udp', relayProtocol: 'tcp', candidateType: 'relay' },
    { id: 'transport', type: 'transport', selectedCandidatePairId: 'present' },
  ];
  const { sender } = peer.getTransceivers()[0] as { sender: { getStats?: () => Promise<unknown> } };
  sender.getStats = async () => new Map(entries.map((e) => [e.id, e]));
  await pass(2000);
  peer.becomes('connected');
  await settle();
  assert.equal(await pass(1500), undefined);
  const report = await pass(500);
  assert.equal(report?.reached, 'published');
  assert.equal(report.error, undefined);
  assert.deepEqual([report.path, report.roundTrip], [{ protocol: 'tcp', relayed: true }, 0.1]);
});
