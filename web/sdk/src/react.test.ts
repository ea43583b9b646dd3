import assert from 'node:assert/strict';
import { type TestContext, beforeEach, test } from 'node:test';

import { Window } from 'happy-dom';
import { StrictMode, act, createElement, useMemo, useState } from 'react';
import { type Root, createRoot } from 'react-dom/client';

import { FakeSocket, FakeTrack, installFakes, newest, participantOf, settle, tokenOf } from './fake.ts';
import { StageConnectionState } from './events.ts';
import { LocalStageStream, LocalStageStreamEvents } from './local-stream.ts';
import { type StageStrategy, SubscribeType } from './strategy.ts';
import { type JoinedStage, useMedia, useStage } from './react.ts';

class FakeMediaStream {
  constructor(readonly tracks: object[] = []) {}
  getTracks(): object[] {
    return this.tracks;
  }
}

beforeEach(() => {
  installFakes();
  const window = new Window();
  Object.defineProperty(window.HTMLMediaElement.prototype, 'srcObject', { value: null, writable: true });
  Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true, MediaStream: FakeMediaStream });
});

const everything: StageStrategy = {
  stageStreamsToPublish: () => [],
  shouldPublishParticipant: () => false,
  shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
};

/** A component on a stage: what it saw last, and the socket's other end. */
function mount(t: TestContext, strict = false) {
  const seen: JoinedStage[] = [];
  function Call(props: { token: string | undefined; strategy: StageStrategy }): null {
    seen.push(useStage(props.token, props.strategy));
    return null;
  }
  const root: Root = createRoot(document.body);
  const render = (props: { token: string | undefined; strategy: StageStrategy }): Promise<void> =>
    act(async () => root.render(strict ? createElement(StrictMode, null, createElement(Call, props)) : createElement(Call, props)));
  const unmount = (): Promise<void> => act(async () => root.unmount());
  t.after(unmount);
  const last = (): JoinedStage => seen.at(-1)!;
  const state = (...ids: string[]): Promise<void> =>
    act(async () => {
      const socket = newest(FakeSocket.all);
      if (socket.readyState === 0) socket.open();
      socket.deliver({ type: 'STAGE_STATE', payload: { stageId: 'stage', participants: ids.map((id) => participantOf(id)) } });
      await settle();
    });
  return { render: () => render({ token: tokenOf(), strategy: everything }), rerender: render, unmount, last, state };
}

test('a component sees who is on the stage', async (t) => {
  const call = mount(t);
  await call.render();
  assert.equal(call.last().connectionState, StageConnectionState.CONNECTING);
  await call.state('self', 'ann');
  assert.equal(call.last().connectionState, StageConnectionState.CONNECTED);
  const [self, ann] = call.last().participants;
  assert.ok(self!.info.isLocal);
  assert.equal(ann!.info.id, 'ann');
  await call.state('self');
  assert.deepEqual(call.last().participants.map((p) => p.info.isLocal), [true]);
});

test('a participant has the same view until something of it changes', async (t) => {
  const call = mount(t);
  await call.render();
  await call.state('self', 'ann');
  const before = call.last().participants.find((p) => p.info.id === 'ann');
  await call.state('self', 'ann', 'bob');
  assert.equal(call.last().participants.find((p) => p.info.id === 'ann'), before);
});

test('the stage is left with the component', async (t) => {
  const call = mount(t);
  await call.render();
  await call.state('self');
  const { stage } = call.last();
  await call.unmount();
  assert.equal(stage!.connectionState, StageConnectionState.DISCONNECTED);
});

test('one stage is joined in strict mode, too', async (t) => {
  const call = mount(t, true);
  await call.render();
  assert.equal(FakeSocket.all.filter((s) => s.closedWith === undefined).length, 1);
  await call.state('self', 'ann');
  assert.equal(call.last().participants.length, 2);
});

test('without a token nothing is joined, and a bad one is an error', async (t) => {
  const call = mount(t);
  await call.rerender({ token: undefined, strategy: everything });
  assert.equal(FakeSocket.all.length, 0);
  assert.equal(call.last().stage, undefined);
  await call.rerender({ token: 'no token', strategy: everything });
  assert.match(`${call.last().error}`, /token/i);
  await call.rerender({ token: undefined, strategy: everything });
  assert.equal(call.last().error, undefined);
});

test('a new strategy is applied at once', async (t) => {
  const call = mount(t);
  await call.render();
  await call.state('self', 'ann');
  const asked: string[] = [];
  await call.rerender({ token: tokenOf(), strategy: { ...everything, shouldSubscribeToParticipant: ({ id }) => (asked.push(id), SubscribeType.NONE) } });
  assert.ok(asked.includes('ann'));
  assert.equal(FakeSocket.all.length, 1);
});

test('an element plays the streams it is given', async (t) => {
  const tracks = [{ kind: 'audio' }, { kind: 'video' }];
  const streams = tracks.map((mediaStreamTrack) => ({ mediaStreamTrack }) as unknown as Parameters<typeof useMedia>[0][number]);
  function Tile({ n }: { n: number }) {
    return createElement('video', { ref: useMedia(useMemo(() => streams.slice(0, n), [n])) });
  }
  const root = createRoot(document.body);
  t.after(() => act(async () => root.unmount()));
  const played = async (n: number) => {
    await act(async () => root.render(createElement(Tile, { n })));
    return (document.querySelector('video') as unknown as { srcObject: FakeMediaStream | null }).srcObject;
  };
  assert.deepEqual((await played(1))!.tracks, tracks.slice(0, 1));
  const both = await played(2);
  assert.deepEqual(both!.tracks, tracks);
  assert.equal(await played(2), both);
  assert.equal(await played(0), null);
});

test('an element that is mounted later plays, too', async (t) => {
  const streams = [{ mediaStreamTrack: { kind: 'video' } }] as unknown as Parameters<typeof useMedia>[0];
  let mount = (_: boolean): void => {};
  function Child({ media }: { media: ReturnType<typeof useMedia> }) {
    const [mounted, setMounted] = useState(false);
    mount = setMounted;
    return mounted ? createElement('video', { ref: media }) : null;
  }
  function Parent() {
    return createElement(Child, { media: useMedia(streams) });
  }
  const root = createRoot(document.body);
  t.after(() => act(async () => root.unmount()));
  await act(async () => root.render(createElement(Parent)));
  await act(async () => mount(true));
  assert.ok((document.querySelector('video') as unknown as { srcObject: unknown }).srcObject);
});

test('an element plays the new track of a stream whose track is replaced', async (t) => {
  const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  const streams = [stream];
  const Preview = () => createElement('video', { ref: useMedia(streams) });
  const root = createRoot(document.body);
  t.after(() => act(async () => root.unmount()));
  await act(async () => root.render(createElement(Preview)));
  const track = new FakeTrack('video') as unknown as MediaStreamTrack;
  await stream.replaceTrack(track);
  assert.equal((document.querySelector('video') as unknown as { srcObject: FakeMediaStream }).srcObject.tracks[0], track);
  await act(async () => root.render(null));
  assert.equal(stream.hasListenersFor(LocalStageStreamEvents.TRACK_CHANGED), false);
});

test('the view of this participant is another one when a track is replaced, until the stage is left', async (t) => {
  const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  const call = mount(t);
  await call.rerender({ token: tokenOf(), strategy: { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] } });
  await call.state('self');
  const before = call.last().participants[0];
  assert.deepEqual(before!.streams, [stream]);
  await act(() => stream.replaceTrack(new FakeTrack('video') as unknown as MediaStreamTrack));
  assert.notEqual(call.last().participants[0], before);
  await call.unmount();
  assert.equal(stream.hasListenersFor(LocalStageStreamEvents.TRACK_CHANGED), false);
});
