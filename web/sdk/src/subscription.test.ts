import assert from 'node:assert/strict';
import { type TestContext, beforeEach, test } from 'node:test';

import { StageEvents } from './events.ts';
import { answer, everything, joined } from './fake-stage.ts';
import { FakePeer, FakeTrack, installFakes, newest, participantOf } from './fake.ts';
import { LocalStageStream } from './local-stream.ts';
import { type RemoteStageStream, RemoteStageStreamEvents } from './remote-stream.ts';
import { InitialLayerPreference, JitterBufferMinDelay, type StageStrategy } from './strategy.ts';
import { StreamType } from './stream.ts';
import type { ServerMessage } from './wire.ts';

beforeEach(installFakes);

/** A stage that subscribes to bob, with what the tests of layers need. */
async function subscribed(t: TestContext, strategy: Partial<StageStrategy>, ...layers: ReturnType<typeof layerOf>[]) {
  const all = await joined(t, { ...everything, ...strategy }, participantOf('bob', { isPublishing: true }));
  const { stage, socket, events } = all;
  const streams: RemoteStageStream[] = [];
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_, added) => streams.push(...(added as RemoteStageStream[])));
  const has = (...layers: object[]): void => socket.deliver({ type: 'LAYERS', payload: { participantId: 'bob', layers } } as ServerMessage);
  const receives = (label: string): void => socket.deliver({ type: 'LAYER_SELECTED', payload: { participantId: 'bob', kind: 'video', label, paused: false } });
  const asked = () => socket.sentOf('SELECT_LAYER').map((m) => (m as { payload: { label: string } }).payload.label);
  has(...layers);
  await answer(socket, 'SUBSCRIBE');
  const connect = (): void => newest(FakePeer.all).becomes('connected');
  return { ...all, has, receives, asked, connect, video: streams.find((s) => s.streamType === StreamType.VIDEO)!, lastOf: (event: string) => newest(events.filter((e) => e.startsWith(event))) };
}

const layerOf = (label: string, height: number) => ({ label, width: 2 * height, height, bitrate: 1000 * height, framerate: 30, active: true });

test('a video adapts while there are several layers and none is preferred', async (t) => {
  let preferred: string | undefined;
  const { stage, events, has, receives, asked, connect, video, lastOf } = await subscribed(t, { preferredLayerForStream: () => preferred });
  connect();
  const adaptions = () => events.filter((e) => e.includes('Adaption')).map((e) => e.split(' ').at(-1));
  has(layerOf('hi', 720));
  assert.deepEqual(adaptions(), []);
  has(layerOf('low', 180), layerOf('hi', 720));
  assert.deepEqual([adaptions(), video.isAdapting], [['true'], true]);
  receives('low');
  assert.match(lastOf('stageStreamLayerSelected'), / selected$/, 'by the server');
  preferred = 'low';
  stage.refreshStrategy();
  assert.deepEqual([adaptions(), video.isAdapting], [['true', 'false'], false]);
  assert.deepEqual(asked(), ['low']);
  receives('hi');
  assert.match(lastOf('stageStreamLayerSelected'), / unavailable$/);
});

test('layers tell what they are and which one is received', async (t) => {
  const { receives, connect, video } = await subscribed(t, {}, layerOf('low', 180), layerOf('hi', 720));
  connect();
  const changes: string[] = [];
  video.on(RemoteStageStreamEvents.LAYERS_CHANGED, (layers) => changes.push(`${layers.map(({ selected }) => selected)}`));
  receives('low');
  receives('low');
  receives('hi');
  assert.deepEqual(changes, ['false,true', 'true,false']);
  assert.deepEqual(video.getSelectedLayer(), { label: 'hi', width: 1440, height: 720, bitrateBps: 720_000, framesPerSecond: 30, selected: true });
  assert.deepEqual([video.id, video.participantInfo.id], [video.mediaStreamTrack.id, 'bob']);
});

test('with the highest quality first, the best layer is asked for before media flow, and the server chooses once it came', async (t) => {
  const subscribeConfiguration = () => ({ simulcast: { initialLayerPreference: InitialLayerPreference.HIGHEST_QUALITY } });
  const { receives, asked, connect, video } = await subscribed(t, { subscribeConfiguration }, layerOf('low', 180), layerOf('hi', 720));
  assert.deepEqual([asked(), video.isAdapting], [['hi'], true]);
  connect();
  receives('low');
  assert.deepEqual(asked(), ['hi']);
  receives('hi');
  receives('low');
  assert.deepEqual(asked(), ['hi', 'auto']);
});

test('a best layer that does not come is waited for no longer than three seconds', async (t) => {
  const subscribeConfiguration = () => ({ simulcast: { initialLayerPreference: InitialLayerPreference.HIGHEST_QUALITY } });
  const { asked, connect, pass } = await subscribed(t, { subscribeConfiguration }, layerOf('low', 180), layerOf('hi', 720));
  connect();
  await pass(2900);
  assert.deepEqual(asked(), ['hi']);
  await pass(200);
  assert.deepEqual(asked(), ['hi', 'auto']);
});

test('the buffer for jitter is as configured, unless this participant publishes', async (t) => {
  for (const [minDelay, expected] of [[undefined, null], [JitterBufferMinDelay.HIGH, 500], [1234, 1234], [10_000, 4000], [-1, 0], [NaN, 0]] as const) {
    installFakes();
    await t.test(`${minDelay}`, async (t) => {
      const stream = new LocalStageStream(new FakeTrack('audio') as unknown as MediaStreamTrack);
      let publishing = false;
      const strategy = { shouldPublishParticipant: () => publishing, stageStreamsToPublish: () => [stream], subscribeConfiguration: () => ({ jitterBuffer: { minDelay } }) };
      const { stage, socket } = await subscribed(t, strategy);
      const [peer] = FakePeer.all;
      const targets = () => peer!.getTransceivers().map((t) => (t as { receiver: { jitterBufferTarget: number | null } }).receiver.jitterBufferTarget);
      assert.deepEqual(targets(), [expected, expected]);
      publishing = true;
      stage.refreshStrategy();
      await answer(socket, 'PUBLISH');
      newest(FakePeer.all).becomes('connected');
      assert.deepEqual(targets(), [null, null]);
      publishing = false;
      stage.refreshStrategy();
      assert.deepEqual(targets(), [expected, expected]);
    });
  }
});
