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

/** A connection on which a second stage joins; the first one has connected it. */
async function switched(t: TestContext, chosen: Partial<StageStrategy> = {}, token = tokenOf({ topic: 'two' })) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const connection = new RealTimeConnection(tokenOf());
  t.after(() => connection.disconnect());
  void new Stage(tokenOf({ topic: 'one' }), strategy, { realTimeConnection: connection }).join();
  const socket = newest(FakeSocket.all);
  socket.open();
  attached(socket, 's1');
  await settle();
  socket.sent = [];
  const stage = new Stage(token, { ...strategy, ...chosen }, { realTimeConnection: connection });
  const events: string[] = [];
  for (const event of Object.values(StageEvents)) {
    stage.on(event, (...payload: unknown[]) => events.push([event, ...payload.map((p) => (p as { id?: string })?.id ?? p)].join(' ')));
  }
  const joining = stage.join();
  joining.catch(() => {}); // of a stage that is never told its state
  await settle();
  /** The server's flight: the state with the publishers, then the replies to the places. */
  const arrive = async (publishers: string[], atPlaces = publishers): Promise<void> => {
    const participants = ['self', ...publishers].map((id) => participantOf(id, { isPublishing: id !== 'self' }));
    socket.deliver({ type: 'ATTACHED', attachment: 's2', payload: { stageId: 'two', participantId: 'self' } });
    socket.deliver({ type: 'STAGE_STATE', attachment: 's2', payload: { stageId: 'two', participants } });
    await joining;
    for (const request of socket.sentOf('SUBSCRIBE') as { id: string; payload: { place?: number } }[]) {
      const participantId = request.payload.place && atPlaces[request.payload.place - 1];
      if (!request.payload.place) continue;
      const refused = { error: { type: 'about:blank', title: 'Not Found', status: 404, code: 'PUBLISHER_NOT_FOUND' } };
      socket.deliver({ type: 'REPLY', attachment: 's2', id: request.id, payload: participantId ? { participantId, connection: `of ${participantId}`, location: '/whip/sessions/c', answer: 'v=0\r\n' } : refused });
    }
    await settle();
  };
  const asked = (): unknown[] => socket.sentOf('SUBSCRIBE').map((m) => { const { place, participantId } = (m as { payload: { place?: number; participantId?: string } }).payload; return place ?? participantId; });
  const ended = (): string[] => socket.sentOf('END').map((m) => (m as { payload: { connection: string } }).payload.connection);
  return { stage, socket, arrive, asked, ended, events };
}

test('the first publishers of a stage are asked for in the same round trip as it is attached, and are received by that', async (t) => {
  const { stage, socket, arrive, asked, ended, events } = await switched(t);
  assert.deepEqual(socket.sent.map(({ type, attachment }) => [type, attachment]), [['ATTACH', 's2'], ['SUBSCRIBE', 's2'], ['SUBSCRIBE', 's2']]);
  assert.deepEqual(events, ['stageConnectionStateChanged connecting'], 'nobody is told before the stage is known');
  await arrive(['bob', 'eve', 'joe']);
  assert.deepEqual([asked(), ended()], [[1, 2, 'joe'], []]);
  for (const peer of FakePeer.all) if (peer.connectionState === 'new') peer.becomes('connected');
  for (const id of ['bob', 'eve']) assert.equal(stage.whyNoPicture(id), undefined, id);
  assert.deepEqual(events.filter((e) => e.startsWith('stageParticipantSubscribe') && e.includes('bob')), ['stageParticipantSubscribeStateChanged bob attempting_subscribe', 'stageParticipantSubscribeStateChanged bob subscribed']);
});

const messages = { subscribeConfiguration: () => ({ inBandMessaging: { enabled: true } }) };
const audio = { shouldSubscribeToParticipant: () => SubscribeType.AUDIO_ONLY };
const nothing = { shouldSubscribeToParticipant: () => SubscribeType.NONE };

for (const [what, chosen, publishers, atPlaces, askedFor, unused] of [
  ['a stage with fewer publishers', {}, ['bob'], ['bob'], [1, 2], []],
  ['a stage without any', {}, [], [], [1, 2], []],
  ['one who left before the state', {}, ['bob'], ['eve', 'bob'], [1, 2], ['of eve']],
  ['one who moves to the next place meanwhile', {}, ['bob'], ['bob', 'bob'], [1, 2], ['of bob']],
  ['one whom the server does not find', {}, ['bob'], [], [1, 2, 'bob'], []],
  ['what the application does not want', nothing, ['bob'], ['bob'], [1, 2], ['of bob']],
  ['audio alone', audio, ['bob'], ['bob'], [1, 2, 'bob'], ['of bob']],
  ['messages within the video', messages, ['bob'], ['bob'], [1, 2, 'bob'], ['of bob']],
] as const) {
  test(`asking early for ${what}: the rest is as ever`, async (t) => {
    const { arrive, asked, ended, events } = await switched(t, chosen);
    await arrive([...publishers], [...atPlaces]);
    assert.deepEqual([asked(), ended()], [askedFor, unused]);
    assert.equal(FakePeer.all.filter((p) => p.connectionState !== 'closed').length, what === 'what the application does not want' ? 0 : publishers.length);
    assert.deepEqual(events.filter((e) => e.startsWith('error')), []);
  });
}

test('nobody is asked for early whom the token does not allow to watch', async (t) => {
  const { asked } = await switched(t, {}, tokenOf({ topic: 'two', capabilities: { allow_publish: true } }));
  assert.deepEqual(asked(), []);
});

test('after leaving a connection nothing is asked for by HTTP in place of a message without a reply', async (t) => {
  const methods: string[] = [];
  t.mock.method(globalThis, 'fetch', async (_url: unknown, { method }: RequestInit) => (methods.push(method!), new Response('v=0\r\n', { status: 201, headers: { Location: '/whip/sessions/c' } })));
  const { stage, asked, arrive } = await switched(t);
  await arrive(['bob'], []);
  stage.leave();
  await settle();
  t.mock.timers.tick(5000); // as long as a reply is awaited
  await settle();
  assert.deepEqual([asked(), methods], [[1, 2, 'bob'], []]);
  assert.ok(FakePeer.all.every((p) => p.connectionState === 'closed'));
});
