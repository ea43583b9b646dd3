import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { RealTimeConnection } from './connection.ts';
import { type StageError, StageErrorCode } from './errors.ts';
import { answer, everything, joined, newStage, state } from './fake-stage.ts';
import { FakePeer, FakeSocket, FakeTrack, installFakes, newest, participantOf, settle, tokenOf } from './fake.ts';
import { LocalStageStream } from './local-stream.ts';
import { NoPictureReason } from './picture.ts';
import { Stage } from './stage.ts';
import { type StageStrategy, SubscribeType } from './strategy.ts';
import type { ServerMessage } from './wire.ts';

beforeEach(installFakes);

test('joining connects, and brings the participants in order', async (t) => {
  const { events, socket } = await joined(t, everything, participantOf('bob'));
  assert.equal(socket.url, 'wss://s.example/events/stage?changes=only');
  assert.deepEqual(events, ['stageConnectionStateChanged connecting', 'stageConnectionStateChanged connected', 'stageParticipantJoined self', 'stageParticipantJoined bob']);
});

test('a participant that publishes is subscribed to as the strategy says', async (t) => {
  for (const [wanted, media] of [[SubscribeType.NONE, 0], [SubscribeType.AUDIO_ONLY, 1], [SubscribeType.AUDIO_VIDEO, 2]] as const) {
    installFakes();
    await t.test(wanted, async (t) => {
      const { socket, events } = await joined(t, { ...everything, shouldSubscribeToParticipant: () => wanted }, participantOf('bob', { isPublishing: true }));
      assert.equal(socket.sentOf('SUBSCRIBE').length, media > 0 ? 1 : 0);
      if (media === 0) return;
      await answer(socket, 'SUBSCRIBE');
      newest(FakePeer.all).becomes('connected');
      assert.equal(newest(FakePeer.all).getTransceivers().length, media);
      assert.deepEqual(events.filter((e) => e.includes('Subscribe')), ['stageParticipantSubscribeStateChanged bob attempting_subscribe', 'stageParticipantSubscribeStateChanged bob subscribed']);
    });
  }
});

test('without the capability nothing is subscribed to or published', async (t) => {
  const asked: string[] = [];
  const strategy = { ...everything, shouldPublishParticipant: () => (asked.push('publish'), true), shouldSubscribeToParticipant: () => (asked.push('subscribe'), SubscribeType.AUDIO_VIDEO) };
  const { stage } = newStage(t, strategy, tokenOf({ capabilities: {} }));
  const joining = stage.join();
  newest(FakeSocket.all).open();
  newest(FakeSocket.all).deliver(state(participantOf('self', { capabilities: [] }), participantOf('bob', { isPublishing: true })));
  await joining;
  assert.deepEqual(asked, []);
  assert.equal(stage.whyNoPicture('bob'), NoPictureReason.NOT_ALLOWED);
});

test('a socket that breaks is opened again; the state it brings is compared with the last', async (t) => {
  const { events, socket, pass } = await joined(t, everything, participantOf('bob'), participantOf('eve'));
  events.length = 0;
  socket.break();
  await settle();
  await pass(1000);
  const second = newest(FakeSocket.all);
  assert.notEqual(second, socket);
  second.open();
  second.deliver(state('self', 'eve', 'joe'));
  await settle();
  assert.deepEqual(events, [
    'stageConnectionStateChanged errored', 'stageConnectionStateChanged connecting', 'stageConnectionStateChanged connected', 'stageParticipantLeft bob', 'stageParticipantJoined joe',
  ]);
});

test('after thirty seconds without a connection the stage has failed', async (t) => {
  mock.method(globalThis, 'fetch', async () => Promise.reject(new TypeError('no network')));
  const { events, socket, pass } = await joined(t);
  for (let last = socket; ; last = newest(FakeSocket.all)) {
    last.break();
    await pass(1000);
    if (events.some((e) => e.startsWith('error')) || FakeSocket.all.length > 100) break;
  }
  assert.ok(FakeSocket.all.length > 4 && FakeSocket.all.length < 20, `${FakeSocket.all.length} attempts`);
  assert.deepEqual(events.slice(-4), ['error 4', 'stageConnectionStateChanged disconnected', 'stageParticipantLeft self', 'stageLeft unknown 4']);
});

test('a refused join is rejected with the reason', async (t) => {
  const problem = { type: 'about:blank', title: 'expired', status: 401, code: 'TOKEN_EXPIRED' };
  mock.method(globalThis, 'fetch', async () => new Response(JSON.stringify(problem), { status: 401 }));
  const { stage, events } = newStage(t);
  const joining = stage.join();
  newest(FakeSocket.all).break();
  await assert.rejects(joining, { code: StageErrorCode.TOKEN_EXPIRED, serverCode: 'TOKEN_EXPIRED' });
  assert.deepEqual(events, ['stageConnectionStateChanged connecting', 'error 2', 'stageConnectionStateChanged errored']);
});

test('a join that gets no state in thirty seconds is rejected', async (t) => {
  const { stage, pass } = newStage(t);
  let error: StageError | undefined;
  stage.join().catch((e) => (error = e));
  for (let i = 0; i < 60 && !error; i++) {
    const socket = newest(FakeSocket.all);
    if (socket.readyState === 0) socket.open();
    socket.deliver({ type: 'PONG' } as ServerMessage);
    assert.ok(i < 31);
    await pass(1000);
  }
  assert.equal(error?.code, StageErrorCode.TIMEOUT);
  assert.equal(stage.connectionState, 'errored');
  assert.equal(newest(FakeSocket.all).closedWith, 1000);
});

test('a join on a connection that is not answered in thirty seconds is rejected', async (t) => {
  const { pass } = newStage(t);
  const connection = new RealTimeConnection(tokenOf());
  t.after(() => connection.disconnect());
  let error: StageError | undefined;
  new Stage(tokenOf(), everything, { realTimeConnection: connection }).join().catch((e) => (error = e));
  const socket = newest(FakeSocket.all);
  socket.open();
  for (let i = 0; i < 30; i++) {
    assert.equal(error, undefined);
    socket.deliver({ type: 'PONG' } as ServerMessage);
    await pass(1000);
  }
  assert.equal(error?.code, StageErrorCode.TIMEOUT);
  assert.equal(socket.sentOf('DETACH').length, 1);
});

test('leaving while joining cancels', async (t) => {
  const { stage } = newStage(t);
  const joining = stage.join();
  stage.leave();
  await assert.rejects(joining, { code: StageErrorCode.CANCELED });
  assert.equal(newest(FakeSocket.all).closedWith, 1000);
});

test('after leaving nothing is asked for by HTTP in place of a message without a reply', async (t) => {
  const methods: string[] = [];
  const fetched = mock.method(globalThis, 'fetch', async (_url: unknown, { method }: RequestInit) => (methods.push(method!), new Response('v=0\r\n', { status: 201, headers: { Location: '/whip/sessions/c' } })));
  t.after(() => fetched.mock.restore());
  const stream = new LocalStageStream(new FakeTrack('audio') as unknown as MediaStreamTrack);
  const { stage, socket } = await joined(t, { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream], preferredLayerForStream: () => 'hi' }, participantOf('bob', { isPublishing: true }), participantOf('eve', { isPublishing: true }));
  await answer(socket, 'SUBSCRIBE'); // of eve, who is asked for a layer then
  assert.deepEqual(['PUBLISH', 'SUBSCRIBE', 'SELECT_LAYER'].map((type) => socket.sentOf(type as 'PUBLISH').length), [1, 2, 1]);
  stage.leave();
  await settle();
  assert.deepEqual(methods.filter((method) => method !== 'DELETE'), []);
});

test('who leaves is told to be no longer subscribed to, and to have no picture, before', async (t) => {
  for (const [how, leave] of [
    ['the participant', (_, socket) => socket.deliver({ type: 'PARTICIPANT_LEFT', payload: { participantId: 'bob', userId: 'bob' } })],
    ['this one', (stage) => stage.leave()],
  ] as [string, (stage: Stage, socket: FakeSocket) => void][]) {
    installFakes();
    await t.test(how, async (t) => {
      const { stage, socket, events } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
      await answer(socket, 'SUBSCRIBE');
      newest(FakePeer.all).becomes('connected');
      events.length = 0;
      leave(stage, socket);
      assert.deepEqual(events.filter((e) => e.includes(' bob') && !e.includes('StreamsRemoved')), [
        'stageParticipantSubscribeStateChanged bob not_subscribed', 'stageParticipantPictureChanged bob not-publishing',
        'stageParticipantPublishStateChanged bob not_published', 'stageParticipantLeft bob',
      ]);
    });
  }
});

test('each notice of the end has its reason', async (t) => {
  for (const [reason, code] of [['participant-disconnected', 10], ['token-reused', 4], ['failed-exchange', 4], ['stage-deleted', 9]] as const) {
    installFakes();
    await t.test(reason, async (t) => {
      const { socket, events } = await joined(t);
      socket.deliver({ type: reason === 'stage-deleted' ? 'STAGE_DELETED' : 'KICKED', payload: { reason } });
      assert.equal(events.at(-1), `stageLeft ${reason} ${code}`);
      assert.equal(FakeSocket.all.length, 1);
    });
  }
});

test('publishing tells its states, mute is told at once, and a refresh changes only what differs', async (t) => {
  const streams = ['audio', 'video'].map((kind) => new LocalStageStream(new FakeTrack(kind) as unknown as MediaStreamTrack));
  let publishes = true;
  const { stage, socket, events } = await joined(t, { ...everything, shouldPublishParticipant: () => publishes, stageStreamsToPublish: () => streams });
  await answer(socket, 'PUBLISH');
  newest(FakePeer.all).becomes('connected');
  assert.deepEqual(events.filter((e) => e.includes('PublishState')), ['attempting_publish', 'published'].map((s) => `stageParticipantPublishStateChanged self ${s}`));

  streams[0]!.setMuted(true);
  assert.deepEqual(socket.sentOf('MUTE').at(-1), { type: 'MUTE', payload: { audioMuted: true, videoStopped: false } });
  assert.equal(streams[0]!.mediaStreamTrack.enabled, false);

  stage.refreshStrategy();
  streams[1] = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  stage.refreshStrategy();
  assert.equal(socket.sentOf('PUBLISH').length, 1, 'another stream of the same kind goes on the same connection');
  streams[1] = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack, { maxVideoBitrateKbps: 500 });
  stage.refreshStrategy();
  await settle();
  assert.equal(socket.sentOf('PUBLISH').length, 2, 'another configuration needs another connection');
  await answer(socket, 'PUBLISH');
  publishes = false;
  stage.refreshStrategy();
  assert.equal(socket.sentOf('END').length > 0, true);
  assert.equal(events.at(-1), 'stageParticipantPublishStateChanged self not_published');
});

test('a refusal that is final is an error; the next refresh tries again', async (t) => {
  const { stage, socket, events } = await joined(t, everything, participantOf('bob', { isPublishing: true }));
  await answer(socket, 'SUBSCRIBE', { error: { type: '', title: 'no codec', status: 422, code: 'CODEC_MISMATCH' } });
  assert.deepEqual(events.slice(-3), ['stageParticipantSubscribeStateChanged bob errored', 'stageParticipantPictureChanged bob failed', 'error 7']);
  stage.refreshStrategy();
  await settle();
  assert.equal(socket.sentOf('SUBSCRIBE').length, 2);
});

test('an exchange changes what the token says at once, and ends what it no longer allows', async (t) => {
  const stream = new LocalStageStream(new FakeTrack('audio') as unknown as MediaStreamTrack);
  const { stage, socket, events } = await joined(t, { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] });
  await answer(socket, 'PUBLISH');
  await assert.rejects(stage.exchangeToken(tokenOf({ topic: 'another' })), { code: StageErrorCode.TOKEN_MALFORMED });
  const newToken = tokenOf({ attributes: { name: 'Ann' }, capabilities: { allow_subscribe: true } });
  const exchanging = stage.exchangeToken(newToken);
  assert.ok(events.includes('stageParticipantMetadataChanged self'));
  assert.equal(events.at(-1), 'stageParticipantPublishStateChanged self not_published');
  assert.deepEqual(socket.sentOf('EXCHANGE_TOKEN').at(-1), { type: 'EXCHANGE_TOKEN', payload: { token: newToken } });
  socket.deliver({ type: 'TOKEN_EXCHANGED', payload: participantOf('self', { userId: 'ann', attributes: { name: 'Ann' }, capabilities: ['SUBSCRIBE'] }) });
  await exchanging;
});

test('why there is no picture follows what happens', async (t) => {
  const { stage, socket } = await joined(t, everything, participantOf('bob'));
  const why = (): unknown => stage.whyNoPicture('bob');
  assert.deepEqual([why(), stage.whyNoPicture('nobody')], [NoPictureReason.NOT_PUBLISHING, NoPictureReason.NOT_ON_STAGE]);
  socket.deliver({ type: 'PUBLISH_STATE', payload: { participantId: 'bob', isPublishing: true, participant: participantOf('bob', { isPublishing: true }) } });
  assert.equal(why(), NoPictureReason.CONNECTING);
  await answer(socket, 'SUBSCRIBE');
  newest(FakePeer.all).becomes('connected');
  assert.equal(why(), undefined);
  socket.deliver({ type: 'LAYER_SELECTED', payload: { participantId: 'bob', kind: 'video', label: '', paused: true, reason: 'bandwidth' } });
  assert.equal(why(), NoPictureReason.BANDWIDTH);
  socket.deliver({ type: 'MUTE_CHANGED', payload: { participantId: 'bob', audioMuted: false, videoStopped: true } });
  assert.equal(why(), NoPictureReason.VIDEO_STOPPED);
});

test('what a hostile server or participant sends breaks nothing', async (t) => {
  const { stage, socket } = await joined(t, everything, participantOf('bob'));
  for (const data of ['', '[]', 'null', '{"type":"NEW_THING","payload":{}}', '{"type":"REPLY","id":"99","payload":{}}', '{"type":"LAYERS","payload":{"participantId":"nobody","layers":[]}}']) {
    socket.onmessage?.({ data });
  }
  assert.equal(stage.participants.length, 2);
});

test('an exchange while the link is opened is made again where it was opened with the former token', async (t) => {
  const { stage, socket, pass } = await joined(t);
  socket.break();
  await settle();
  await pass(1000);
  const second = newest(FakeSocket.all); // its handshake has the former token
  const newToken = tokenOf({ attributes: { name: 'Ann' } });
  let exchanged = false;
  void stage.exchangeToken(newToken).then(() => (exchanged = true));
  second.open();
  second.deliver(state('self'));
  await settle();
  assert.equal(exchanged, false);
  assert.deepEqual(second.sentOf('EXCHANGE_TOKEN').at(-1), { type: 'EXCHANGE_TOKEN', payload: { token: newToken } });
  second.deliver({ type: 'TOKEN_EXCHANGED', payload: participantOf('self', { attributes: { name: 'Ann' } }) });
  await settle();
  assert.equal(exchanged, true);
});

test('a token that is none is rejected, not thrown', async (t) => {
  const { stage } = await joined(t);
  await assert.rejects(stage.exchangeToken('nonsense'), { code: StageErrorCode.TOKEN_MALFORMED });
});

test('a refused exchange is rejected with the code of the server', async (t) => {
  const { stage, socket } = await joined(t);
  const exchanging = stage.exchangeToken(tokenOf());
  socket.deliver({ type: 'KICKED', payload: { reason: 'failed-exchange', code: 'TOKEN_EXPIRED', detail: 'it expired' } });
  await assert.rejects(exchanging, { code: StageErrorCode.TOKEN_EXPIRED, serverCode: 'TOKEN_EXPIRED' });
});

test('a browser that refuses to open the socket ends the join, and its message with the token is not passed on', async (t) => {
  const { stage, events } = newStage(t);
  Object.assign(globalThis, {
    WebSocket: class {
      constructor(_url: string, [token]: string[]) {
        throw new DOMException(`not allowed: ${token}`, 'SecurityError');
      }
    },
  });
  await assert.rejects(stage.join(), (error: Error) => error.message.includes('SecurityError') && !error.message.includes('not allowed'));
  assert.equal(events.at(-1), 'stageConnectionStateChanged errored');
});

test('a strategy that throws for one participant is reported, and the others are joined', async (t) => {
  const reported: unknown[] = [];
  mock.method(console, 'error', (error: unknown) => reported.push(error));
  const strategy: StageStrategy = {
    ...everything,
    shouldPublishParticipant: () => {
      throw new Error('of publishing');
    },
    shouldSubscribeToParticipant: ({ id }) => {
      if (id === 'bob') throw new Error('of bob');
      return SubscribeType.AUDIO_VIDEO;
    },
  };
  const { stage } = await joined(t, strategy, participantOf('bob'), participantOf('eve'));
  assert.deepEqual(stage.participants.map(({ id }) => id), ['self', 'bob', 'eve']);
  assert.deepEqual(reported.map((e) => (e as Error).message), ['of bob', 'of publishing']);
});

test('after a reconnect nobody speaks until the server says so', async (t) => {
  const { events, socket, pass } = await joined(t, everything, participantOf('bob'));
  socket.deliver({ type: 'ACTIVE_SPEAKER', payload: { participantId: 'bob' } });
  socket.break();
  await settle();
  await pass(1000);
  newest(FakeSocket.all).open();
  newest(FakeSocket.all).deliver(state('self', 'bob'));
  assert.deepEqual(events.filter((e) => e.includes('ActiveSpeaker')), ['stageActiveSpeakerChanged bob', 'stageActiveSpeakerChanged ']);
});

test('a message is refused until the video is negotiated, and where it is no H.264', async (t) => {
  const addTransceiver = FakePeer.prototype.addTransceiver;
  t.mock.method(FakePeer.prototype, 'addTransceiver', function (this: FakePeer, what: FakeTrack, init: { direction: string }) {
    const transceiver = addTransceiver.call(this, what, init) as { sender: object };
    Object.assign(transceiver.sender, { createEncodedStreams: () => ({ readable: new ReadableStream(), writable: new WritableStream() }) });
    return transceiver;
  });
  for (const [codecs, carried] of [[['H264', 'VP8'], true], [['VP8', 'H264'], false], [[], false]] as [string[], boolean][]) {
    await t.test(codecs.join() || 'no video', async (t) => {
      Object.assign(RTCRtpSender.prototype, { createEncodedStreams() {} });
      const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack, { inBandMessaging: { enabled: true } });
      const { socket } = await joined(t, { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] });
      const insert = (): Promise<void> => stream.insertSeiMessage(new ArrayBuffer(1));
      await assert.rejects(insert(), /not published/);
      const video = codecs.length ? `m=video 9 UDP/TLS/RTP/SAVPF ${codecs.map((_, i) => 96 + i).join(' ')}\r\n` : 'm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\n';
      await answer(socket, 'PUBLISH', { connection: 'c', location: '/whip/sessions/c', answer: `v=0\r\n${video}${codecs.map((name, i) => `a=rtpmap:${96 + i} ${name}/90000\r\n`).join('')}` });
      await (carried ? insert() : assert.rejects(insert(), /not published/));
    });
  }
});

test('a track is replaced also where the connection is being made anew', async (t) => {
  const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  const { socket } = await joined(t, { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] });
  await answer(socket, 'PUBLISH');
  const sender = (newest(FakePeer.all).getTransceivers()[0] as { sender: RTCRtpSender }).sender;
  sender.replaceTrack = async () => Promise.reject(new DOMException('closed', 'InvalidStateError'));
  const track = new FakeTrack('video') as unknown as MediaStreamTrack;
  await stream.replaceTrack(track);
  assert.equal(stream.mediaStreamTrack, track);
});

test('a stage on a connection is attached once after a reconnect, and what refuses its first attachment ends the join', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  t.after(() => mock.timers.reset());
  const connection = new RealTimeConnection(tokenOf());
  const stage = new Stage(tokenOf(), everything, { realTimeConnection: connection });
  t.after(() => connection.disconnect());
  const joining = stage.join();
  const attachment = 's1';
  const first = newest(FakeSocket.all);
  first.open();
  first.deliver({ type: 'ATTACHED', attachment, payload: {} } as ServerMessage);
  first.deliver({ ...state('self'), attachment } as ServerMessage);
  await joining;
  first.deliver({ type: 'GOING_AWAY', attachment, payload: { reason: 'going-away' } } as unknown as ServerMessage);
  first.break();
  await settle();
  mock.timers.tick(100); // the pauses are spread: whichever ends first
  for (let i = 0; i < 40 && newest(FakeSocket.all) === first; i++) {
    mock.timers.tick(50);
    await settle();
  }
  const second = newest(FakeSocket.all);
  second.open();
  second.deliver({ type: 'ATTACHED', attachment, payload: {} } as ServerMessage);
  second.deliver({ ...state('self'), attachment } as ServerMessage);
  for (let i = 0; i < 40; i++) {
    mock.timers.tick(50);
    await settle();
  }
  assert.equal(second.sentOf('ATTACH').length, 1);

  const refused = new Stage(tokenOf(), everything, { realTimeConnection: connection });
  const failing = refused.join();
  second.deliver({ type: 'ATTACH_FAILED', attachment: 's2', payload: { code: 'STAGE_AT_CAPACITY', retryAfter: 5 } } as ServerMessage);
  await assert.rejects(failing, { code: StageErrorCode.STAGE_AT_CAPACITY });
});
