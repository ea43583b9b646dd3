import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { answer, everything, joined } from './fake-stage.ts';
import { FakePeer, FakeSocket, FakeTrack, installFakes, newest, participantOf, settle } from './fake.ts';
import { LocalStageStream } from './local-stream.ts';

beforeEach(installFakes);

test('on another network the socket is opened anew, and ICE restarts on all media', async (t) => {
  const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  const strategy = { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] };
  const { stage, socket, events, pass } = await joined(t, strategy, participantOf('bob', { isPublishing: true }));
  await answer(socket, 'PUBLISH', { connection: 'p', location: '/whip/sessions/p', answer: 'v=0\r\n' });
  await answer(socket, 'SUBSCRIBE', { connection: 's', location: '/whip/sessions/s', answer: 'v=0\r\n' });
  for (const peer of FakePeer.all) peer.becomes('connected');
  const patched: string[] = [];
  const request = mock.method(globalThis, 'fetch', async (url: URL, { method }: RequestInit) => (patched.push(`${method} ${url.pathname}`), new Response('a=ice-ufrag:x\r\n')));
  t.after(() => request.mock.restore());
  events.length = 0;
  stage.networkChanged();
  await settle();
  assert.notEqual(newest(FakeSocket.all), socket, 'without a pause');
  await pass(1000);
  assert.deepEqual(patched.toSorted(), ['PATCH /whip/sessions/p', 'PATCH /whip/sessions/s']);
  assert.ok(!events.some((e) => e.includes('Streams') || e.includes('PublishState')), `the media go on: ${events}`);
});

test('a page that closes leaves by requests that outlive it', async (t) => {
  const { stage, socket, events } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
  await answer(socket, 'SUBSCRIBE');
  const ended: unknown[] = [];
  const request = mock.method(globalThis, 'fetch', async (url: URL, { method, keepalive }: RequestInit) => (ended.push([method, url.pathname, keepalive]), new Response()));
  t.after(() => request.mock.restore());
  stage.pageHidden();
  assert.deepEqual(ended, [['DELETE', '/whip/sessions/c', true]]);
  assert.equal(socket.closedWith, 1000);
  assert.match(newest(events), /^stageLeft user-initiated/);
});

test('media that the server does not have any more are connected anew without a pause', async (t) => {
  const { socket } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
  await answer(socket, 'SUBSCRIBE');
  newest(FakePeer.all).becomes('connected');
  socket.deliver({ type: 'GOING_AWAY', payload: { reason: 'going-away' } });
  await settle();
  assert.equal(socket.sentOf('SUBSCRIBE').length, 2);
});

for (const [path, patient] of [['checking', false], ['connected', true]] as const) {
  test(`TURN is tried ${patient ? 'late where ICE has found a path, on which the handshake takes long' : 'where no path is found'}`, async (t) => {
    const { socket, pass } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
    const patched: string[] = [];
    const request = mock.method(globalThis, 'fetch', async (url: URL, { method }: RequestInit) => (patched.push(`${method} ${url.pathname}`), new Response('a=ice-ufrag:x\r\n')));
    t.after(() => request.mock.restore());
    await answer(socket, 'SUBSCRIBE', { connection: 's', location: '/whip/sessions/s', answer: 'v=0\r\n' });
    Object.assign(newest(FakePeer.all), { iceConnectionState: path });
    await pass(2000);
    assert.equal(patched.includes('PATCH /whip/sessions/s'), !patient);
    await pass(4000);
    assert.ok(patched.includes('PATCH /whip/sessions/s'));
  });
}
