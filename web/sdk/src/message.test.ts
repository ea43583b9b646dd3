import assert from 'node:assert/strict';
import { type TestContext, beforeEach, test } from 'node:test';

import { RealTimeConnection } from './connection.ts';
import { FakePeer, FakeSocket, installFakes, newest, participantOf, settle, tokenOf } from './fake.ts';
import { StageEvents } from './events.ts';
import { everything, joined, state } from './fake-stage.ts';
import { readMessage } from './message.ts';
import { Stage } from './stage.ts';

beforeEach(installFakes);

const types = [
  'STAGE_STATE', 'PARTICIPANT_JOINED', 'PARTICIPANT_LEFT', 'PUBLISH_STATE', 'MUTE_CHANGED', 'METADATA_CHANGED', 'LAYERS', 'ACTIVE_SPEAKER',
  'LAYER_SELECTED', 'LAYERS_UNUSED', 'TOKEN_EXCHANGED', 'REPLY', 'ATTACH_FAILED',
];
const closing = ['KICKED', 'STAGE_DELETED', 'GOING_AWAY', 'DETACHED', 'CONNECTION_CLOSED'];
const wrong = [undefined, null, 7, 'text', true, [], [null], {}, { participantId: 7 }, { participantId: {}, participants: {}, layers: 'x', labels: [1], id: [], code: {} },
  { participants: [null] }, { participants: [{ id: 5 }] }, { participantId: 'bob', layers: [null], labels: [{}], isPublishing: true, participant: null, paused: 'x', kind: 7 },
  { id: 'bob', isPublishing: 'yes', audioMuted: 1, attributes: { name: {} }, capabilities: 'ALL' }];

const namesOnly = ['PARTICIPANT_LEFT', 'ACTIVE_SPEAKER']; // for which the payload about bob is whole
const isWhole = (type: string, payload: unknown): boolean => namesOnly.includes(type) && (payload as { participantId?: unknown })?.participantId === 'bob';
const hostile = types.flatMap((type) => wrong.filter((payload) => !isWhole(type, payload)).map((payload) => ({ type, id: '1', payload })));
const noMessages = [null, 7, 'text', [], {}, { type: 7 }, { type: {} }, { type: '__proto__' }, { type: 'constructor' }, { type: 'NEWER', payload: {} }];

/** Counts what would be thrown into the page. */
function countThrown(t: TestContext): () => number {
  const reported = t.mock.method(console, 'error', () => {});
  return () => reported.mock.callCount();
}

test('a message without what its type promises is none', () => {
  for (const message of [...noMessages, ...hostile.filter(({ type }) => type !== 'REPLY')]) assert.equal(readMessage(JSON.stringify(message)), undefined, JSON.stringify(message));
  for (const data of ['', '{', 'null', undefined, new Uint8Array(3)]) assert.equal(readMessage(data), undefined);
});

test('a stage goes on after any malformed message, and nothing is thrown', async (t) => {
  const thrown = countThrown(t);
  const { stage, events, socket } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
  const before = events.length;
  for (const message of [...noMessages, ...hostile]) assert.doesNotThrow(() => socket.deliver(message as never), JSON.stringify(message));
  await settle();
  assert.deepEqual([events.slice(before), stage.connectionState, stage.participants.map(({ id }) => id)], [[], 'connected', ['self', 'bob']]);
  socket.deliver(state('self', 'eve'));
  assert.deepEqual(stage.participants.map(({ id }) => id), ['self', 'eve']);
  assert.equal(thrown(), 0);
});

for (const type of closing.filter((c) => c !== 'GOING_AWAY' && c !== 'DETACHED')) {
  for (const payload of wrong) {
    test(`${type} ends a stage with the payload ${JSON.stringify(payload)}`, async (t) => {
      const { stage, events, socket } = await joined(t);
      socket.deliver({ type, payload } as never);
      assert.deepEqual([stage.connectionState, events.at(-1)?.split(' ')[0]], ['disconnected', 'stageLeft']);
    });
  }
}

test('a malformed reply is none: the offer goes by HTTP, and a malformed answer of that is tried again', async (t) => {
  const asked: string[] = [];
  const problems = ['null', '{}', '{"code":{},"detail":[]}', '<html>'];
  t.mock.method(globalThis, 'fetch', async (url: URL | string) => (asked.push(String(url)), new Response(problems[asked.length % 4], { status: 503, headers: { 'Retry-After': 'Mon, 30 Nov 2026 00:00:00 GMT' } })));
  const { stage, socket, pass } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
  const malformed = [null, 7, [], { answer: 7 }, { connection: {} }, { error: 'no' }, { error: { status: '404' } }, { iceServers: [null], answer: 'v=0' }];
  for (const [i, payload] of malformed.entries()) {
    await pass(300);
    const before = asked.length;
    const request = socket.sentOf('SUBSCRIBE').at(-1) as { id: string };
    socket.deliver({ type: 'REPLY', id: request.id, payload } as never);
    await settle();
    assert.ok(asked.length > before || i > 0, `no request after the reply ${JSON.stringify(payload)}`);
  }
  assert.ok(asked.length < 12, `${asked.length} requests: there are no pauses`);
  await pass(31_000);
  assert.equal(stage.whyNoPicture('bob'), 'failed');
  assert.ok(FakePeer.all.every(({ connectionState }) => connectionState === 'closed'));
});

/** A connection with two stages that are joined; each watches bob. */
async function twoStages(t: TestContext) {
  const connection = new RealTimeConnection(tokenOf());
  t.after(() => connection.disconnect());
  const events: string[] = [];
  const stages = ['one', 'two'].map((name) => {
    const stage = new Stage(tokenOf({ topic: name }), everything, { realTimeConnection: connection });
    for (const event of Object.values(StageEvents)) stage.on(event, () => events.push(`${name} ${event}`));
    return stage;
  });
  const joining = stages.map((stage) => stage.join());
  const socket = newest(FakeSocket.all);
  socket.open();
  for (const attachment of ['s1', 's2']) {
    socket.deliver({ type: 'ATTACHED', attachment, payload: { stageId: attachment, participantId: 'self' } });
    socket.deliver({ ...state('self', participantOf('bob', { isPublishing: true })), attachment });
  }
  await Promise.all(joining);
  await settle();
  return { connection, stages, socket, events, ids: () => stages.map((stage) => stage.participants.map(({ id }) => id)) };
}

const attachments = ['s1', 's2', undefined, '', 'other', 7, null, {}, [], '__proto__', 'constructor', 'x'.repeat(100_000)];

test('a connection goes on after any malformed message, and ends by one that ends it', async (t) => {
  const thrown = countThrown(t);
  const { connection, stages, socket, events, ids } = await twoStages(t);
  const before = events.length;
  for (const message of [...noMessages, ...hostile, ...closing.filter((c) => c !== 'CONNECTION_CLOSED').map((type) => ({ type, payload: {} }))]) {
    const about = attachments.slice(closing.includes((message as { type: string } | null)?.type ?? '') ? 2 : 0); // without payload, too, they are whole
    for (const attachment of about) {
      assert.doesNotThrow(() => socket.deliver({ ...(message as object), attachment } as never), JSON.stringify([message, attachment]).slice(0, 200));
    }
  }
  await settle();
  assert.deepEqual([events.slice(before), connection.state, ids()], [[], 'connected', [['self', 'bob'], ['self', 'bob']]]);
  socket.deliver({ ...state('self', 'eve'), attachment: 's1' });
  assert.deepEqual(ids(), [['self', 'eve'], ['self', 'bob']]);
  socket.deliver({ type: 'KICKED', attachment: 's2', payload: [] } as never);
  assert.deepEqual(stages.map(({ connectionState }) => connectionState), ['connected', 'disconnected']);
  socket.deliver({ type: 'CONNECTION_CLOSED' } as never);
  assert.deepEqual([connection.state, stages[0]!.connectionState, thrown()], ['disconnected', 'disconnected', 0]);
});

test('a stage that is attached a second time has the participants of the last state', async (t) => {
  const thrown = countThrown(t);
  const { socket, ids } = await twoStages(t);
  for (const payload of wrong) socket.deliver({ type: 'ATTACHED', attachment: 's1', payload } as never);
  socket.deliver({ ...state('self', 'eve'), attachment: 's1' });
  await settle();
  assert.deepEqual([ids(), thrown()], [[['self', 'eve'], ['self', 'bob']], 0]);
});

test('a stage that the server refuses again and again is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let clock = 0;
  t.mock.method(performance, 'now', () => clock);
  const { stages, socket, events } = await twoStages(t);
  socket.deliver({ type: 'GOING_AWAY', attachment: 's1' } as never);
  let asked = 0;
  for (; clock < 120_000 && stages[0]!.connectionState !== 'errored'; clock += 50) {
    t.mock.timers.tick(50);
    socket.deliver({ type: 'PONG' });
    await settle();
    const now = socket.sentOf('ATTACH').length;
    if (now > asked) socket.deliver({ type: 'ATTACH_FAILED', attachment: 's1', payload: { code: 'STAGE_AT_CAPACITY', retryAfter: 1e-300 } } as never);
    asked = now;
  }
  assert.ok(asked > 3 && asked < 60, `asked ${asked} times in ${clock} ms`);
  assert.ok(!events.includes('two error') && events.includes('one error'), events.join());
});
