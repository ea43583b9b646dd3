import assert from 'node:assert/strict';
import { type TestContext, beforeEach, test } from 'node:test';

import { RealTimeConnectionErrorCode as Code } from './connection-error.ts';
import { RealTimeConnection } from './connection.ts';
import { StageErrorCode } from './errors.ts';
import { StageEvents } from './events.ts';
import { FakePeer, FakeSocket, installFakes, newest, participantOf, settle, tokenOf } from './fake.ts';
import { Stage } from './stage.ts';
import { type StageStrategy, SubscribeType } from './strategy.ts';

beforeEach(installFakes);

const strategy: StageStrategy = {
  stageStreamsToPublish: () => [],
  shouldPublishParticipant: () => false,
  shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
};

/** A connection with two stages on it. */
function connected(t: TestContext) {
  const connection = new RealTimeConnection(tokenOf());
  const states: string[] = [];
  connection.on('stateChanged', (state, error) => states.push(error ? `${state} ${error.code}` : state));
  const left: string[] = [];
  const stages = ['one', 'two'].map((name) => {
    const stage = new Stage(tokenOf({ topic: name }), strategy, { realTimeConnection: connection });
    stage.on(StageEvents.STAGE_LEFT, (reason) => left.push(`${name} ${reason}`));
    return stage;
  });
  const joining = stages.map((stage) => stage.join());
  const socket = newest(FakeSocket.all);
  socket.open();
  t.after(() => connection.disconnect());
  return { connection, states, left, stages: stages as [Stage, Stage], joining, socket };
}

const attachmentsOf = (socket: FakeSocket): string[] => socket.sentOf('ATTACH').map((m) => m.attachment!);

function attached(socket: FakeSocket, attachment: string): void {
  socket.deliver({ type: 'ATTACHED', attachment, payload: { stageId: attachment, participantId: 'self' } });
  socket.deliver({ type: 'STAGE_STATE', attachment, payload: { stageId: attachment, participants: [participantOf('self'), participantOf(`of-${attachment}`)] } });
}

test('stages share one socket, and each hears of its own', async (t) => {
  const { states, stages, joining, socket } = connected(t);
  assert.equal(FakeSocket.all.length, 1);
  const names = attachmentsOf(socket);
  for (const name of names) attached(socket, name);
  await Promise.all(joining);
  assert.deepEqual(stages.map((stage) => stage.participants.map(({ id }) => id)), names.map((name) => ['self', `of-${name}`]));
  assert.deepEqual(states, ['connecting', 'connected']);
});

test('a stage that leaves detaches; the other stays', async (t) => {
  const { left, stages, joining, socket } = connected(t);
  const names = attachmentsOf(socket);
  for (const name of names) attached(socket, name);
  await Promise.all(joining);
  stages[0].leave();
  assert.deepEqual([socket.sentOf('DETACH').map((m) => m.attachment), left, socket.closedWith], [[names[0]], ['one user-initiated'], undefined]);
  socket.deliver({ type: 'DETACHED', attachment: names[0]!, payload: { reason: 'detached' } });
  assert.equal(stages[1].connectionState, 'connected');
});

test('a stage that is refused rejects its join; the other joins', async (t) => {
  const { joining, socket } = connected(t);
  const [first, second] = attachmentsOf(socket);
  socket.deliver({ type: 'ATTACH_FAILED', attachment: first!, payload: { code: 'TOKEN_EXPIRED', detail: 'too late' } });
  attached(socket, second!);
  await assert.rejects(joining[0]!, { code: StageErrorCode.TOKEN_EXPIRED, message: 'too late' });
  await joining[1];
});

test('the end of the connection leaves all stages with its reason', async (t) => {
  const { states, left, joining, socket } = connected(t);
  for (const name of attachmentsOf(socket)) attached(socket, name);
  await Promise.all(joining);
  socket.deliver({ type: 'CONNECTION_CLOSED', payload: { reason: 'real-time-connection-token-revocation', code: 'TOKEN_REVOKED' } });
  await settle();
  assert.deepEqual(left, ['one', 'two'].map((name) => `${name} real-time-connection-token-revocation`));
  assert.equal(states.at(-1), `disconnected ${Code.CONNECTION_FAILED}`);
  assert.equal(FakeSocket.all.length, 1);
});

test('a disconnected connection can be used again', async (t) => {
  const { connection, states, left, stages, joining, socket } = connected(t);
  for (const name of attachmentsOf(socket)) attached(socket, name);
  await Promise.all(joining);
  connection.disconnect();
  assert.deepEqual(left, ['one', 'two'].map((name) => `${name} real-time-connection-forced-leave`));
  assert.equal(socket.closedWith, 1000);
  const again = stages[0].join();
  const second = newest(FakeSocket.all);
  assert.notEqual(second, socket);
  second.open();
  attached(second, attachmentsOf(second)[0]!);
  await again;
  assert.deepEqual(states.slice(2), ['disconnected', 'connecting', 'connected']);
});

test('a token that is malformed or expired is an error at once, and so is a connection of another SDK', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  assert.throws(() => new RealTimeConnection('nonsense'), { code: 1053 });
  assert.throws(() => new RealTimeConnection(tokenOf({ exp: 1000 })), { code: 1054 });
  const connection = new RealTimeConnection(tokenOf({ exp: 1001 }));
  t.mock.timers.tick(1000);
  assert.throws(() => connection.connect(), { code: Code.CONNECTION_TOKEN_EXPIRED });
  assert.throws(() => new Stage(tokenOf(), strategy, { realTimeConnection: {} as RealTimeConnection }), { code: Code.CONNECTION_NOT_RECOGNIZED });
});

test('a refused token is reported with the state that it leads to', async (t) => {
  const { states, joining, socket } = connected(t);
  socket.deliver({ type: 'CONNECTION_CLOSED', payload: { reason: 'real-time-connection-token-revocation', code: 'TOKEN_EXPIRED' } });
  await assert.rejects(Promise.all(joining), { code: StageErrorCode.TOKEN_EXPIRED });
  await settle();
  assert.equal(states.at(-1), 'disconnected 1054');
});

/** A connection on which a stage was left that subscribed to bob, and is joined again. */
async function returned(t: TestContext, { again = strategy, away = 0, as = 'self' }: { again?: StageStrategy; away?: number; as?: string } = {}) {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'] });
  const connection = new RealTimeConnection(tokenOf());
  t.after(() => connection.disconnect());
  const first = new Stage(tokenOf({ topic: 'one' }), strategy, { realTimeConnection: connection });
  const joining = first.join();
  const socket = newest(FakeSocket.all);
  socket.open();
  const bob = participantOf('bob', { isPublishing: true, attributes: { name: 'Bob' } });
  const arrive = (attachment: string, ...others: ReturnType<typeof participantOf>[]): void => {
    socket.deliver({ type: 'ATTACHED', attachment, payload: { stageId: 'one', participantId: 'self' } });
    socket.deliver({ type: 'STAGE_STATE', attachment, payload: { stageId: 'one', participants: [participantOf('self'), ...others] } });
  };
  arrive('s1', bob, participantOf('eve'));
  await joining;
  await settle();
  first.leave();
  t.mock.timers.setTime(away);
  socket.sent = [];
  const stage = new Stage(tokenOf({ topic: 'one', jti: as }), again, { realTimeConnection: connection });
  const events: string[] = [];
  for (const event of Object.values(StageEvents)) {
    stage.on(event, (...payload: unknown[]) => events.push([event, ...payload.map((p) => (p as { id?: string })?.id ?? p)].join(' ')));
  }
  const joined = stage.join();
  joined.catch(() => {}); // of a stage that is never told its state
  await settle();
  return { stage, socket, bob, arrive: (...others: ReturnType<typeof participantOf>[]) => (arrive('s2', ...others), joined), events };
}

test('whom a stage that was left subscribed to is subscribed to in the same round trip as it is attached', async (t) => {
  const { stage, socket, bob, arrive, events } = await returned(t);
  assert.deepEqual(socket.sent.map(({ type, attachment }) => [type, attachment]), [['ATTACH', 's2'], ['SUBSCRIBE', 's2']]);
  assert.deepEqual(events, ['stageConnectionStateChanged connecting'], 'nobody is told before the stage is known');
  await arrive(bob);
  assert.deepEqual(events.slice(1), [
    'stageConnectionStateChanged connected', 'stageParticipantJoined self', 'stageParticipantJoined bob', 'stageParticipantPublishStateChanged bob published',
    'stageParticipantSubscribeStateChanged bob attempting_subscribe', 'stageParticipantPictureChanged bob connecting',
  ]);
  const { id } = socket.sentOf('SUBSCRIBE')[0] as { id: string };
  socket.deliver({ type: 'REPLY', attachment: 's2', id, payload: { connection: 'c', location: '/whip/sessions/c', answer: 'v=0\r\n' } });
  await settle();
  newest(FakePeer.all).becomes('connected');
  assert.equal(socket.sentOf('SUBSCRIBE').length, 1);
  assert.equal(stage.whyNoPicture('bob'), undefined);
});

test('after leaving a connection nothing is asked for by HTTP in place of a message without a reply', async (t) => {
  const methods: string[] = [];
  t.mock.method(globalThis, 'fetch', async (_url: unknown, { method }: RequestInit) => (methods.push(method!), new Response('v=0\r\n', { status: 201, headers: { Location: '/whip/sessions/c' } })));
  const { stage, socket, bob, arrive } = await returned(t);
  await arrive(bob);
  stage.leave();
  await settle();
  t.mock.timers.tick(5000); // as long as a reply is awaited
  await settle();
  assert.deepEqual([socket.sentOf('SUBSCRIBE').length, methods], [1, []]);
});

test('who is gone when a stage is joined again is not received, and was never announced', async (t) => {
  const { stage, arrive, events } = await returned(t);
  await arrive(participantOf('eve'));
  await settle();
  assert.equal(newest(FakePeer.all).connectionState, 'closed');
  assert.deepEqual([stage.participants.map(({ id }) => id), events.filter((e) => e.includes('bob'))], [['self', 'eve'], []]);
});

test('the strategy is asked before anybody is subscribed to early', async (t) => {
  const asked: string[] = [];
  const again: StageStrategy = { ...strategy, shouldSubscribeToParticipant: ({ id, attributes }) => (asked.push(`${id} ${attributes['name']}`), SubscribeType.NONE) };
  const { socket } = await returned(t, { again });
  assert.deepEqual([asked, socket.sentOf('SUBSCRIBE').length], [['bob Bob'], 0]);
});

test('nobody is subscribed to early who has probably gone, or is this participant', async (t) => {
  for (const [how, options] of [['after a minute', { away: 60_001 }], ['with the token of one who published', { as: 'bob' }]] as const) {
    installFakes();
    await t.test(how, async (t) => {
      const { socket } = await returned(t, options);
      assert.deepEqual(socket.sent.map(({ type }) => type), ['ATTACH']);
    });
  }
});
