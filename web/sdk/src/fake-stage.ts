// A stage whose server is the test.

import { type TestContext, mock } from 'node:test';

import { StageEvents } from './events.ts';
import { FakeSocket, newest, participantOf, settle, tokenOf } from './fake.ts';
import { Stage } from './stage.ts';
import { type StageStrategy, SubscribeType } from './strategy.ts';
import type { ServerMessage } from './wire.ts';

export const everything: StageStrategy = {
  stageStreamsToPublish: () => [],
  shouldPublishParticipant: () => false,
  shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
};

export const state = (...ids: (string | ReturnType<typeof participantOf>)[]): ServerMessage => ({
  type: 'STAGE_STATE',
  payload: { stageId: 'stage', participants: ids.map((p) => (typeof p === 'string' ? participantOf(p) : p)) },
});

/** A stage whose events are noted, with a clock that stands still until it is moved. */
export function newStage(t: TestContext, strategy: StageStrategy = everything, token = tokenOf()) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let clock = 0;
  const performanceNow = mock.method(performance, 'now', () => clock);
  const random = mock.method(Math, 'random', () => 0.5);
  t.after(() => {
    stage.leave();
    mock.timers.reset();
    performanceNow.mock.restore();
    random.mock.restore();
  });
  const stage = new Stage(token, strategy);
  const events: string[] = [];
  for (const event of Object.values(StageEvents)) {
    stage.on(event, (...payload: unknown[]) => events.push([event, ...payload.map((p) => (p as { id?: string })?.id ?? (p as { code?: number })?.code ?? p)].join(' ')));
  }
  /** Lets time pass in small steps, so that what follows from a timer happens in time. */
  const pass = async (ms: number): Promise<void> => {
    for (const end = clock + ms; clock < end; ) {
      clock += 50;
      mock.timers.tick(50);
      await settle();
    }
  };
  return { stage, events, pass };
}

/** Joins, with the state that the server tells. */
export async function joined(t: TestContext, strategy?: StageStrategy, ...others: ReturnType<typeof participantOf>[]) {
  const all = newStage(t, strategy);
  const joining = all.stage.join();
  const socket = newest(FakeSocket.all);
  socket.open();
  socket.deliver(state('self', ...others));
  await joining;
  await settle();
  return { ...all, socket };
}

/** Answers the newest request of a type. */
export async function answer(socket: FakeSocket, type: 'PUBLISH' | 'SUBSCRIBE', payload = { connection: 'c', location: '/whip/sessions/c', answer: 'v=0\r\n' } as object) {
  await settle();
  const request = socket.sentOf(type).at(-1) as { id: string };
  socket.deliver({ type: 'REPLY', id: request.id, payload });
  await settle();
}
