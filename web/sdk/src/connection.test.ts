import assert from 'node:assert/strict';
import { type TestContext, beforeEach, test } from 'node:test';

import { RealTimeConnectionErrorCode as Code } from './connection-error.ts';
import { RealTimeConnection } from './connection.ts';
import { StageErrorCode } from './errors.ts';
import { StageEvents } from './events.ts';
import { FakeSocket, installFakes, newest, participantOf, settle, tokenOf } from './fake.ts';
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
