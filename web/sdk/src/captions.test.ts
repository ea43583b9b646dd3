import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { CaptionTrack, readCaption, sendCaption } from './captions.ts';
import { Emitter } from './emitter.ts';
import { type StageEventMap, StageEvents } from './events.ts';
import { LocalStageStream } from './local-stream.ts';
import { ParticipantInfo } from './participant.ts';
import type { OutgoingMessage } from './sei.ts';

const received = (payload: Uint8Array) => ({ payload: payload.slice().buffer, uuid: new ArrayBuffer(16) });
const message = (text: string) => received(new TextEncoder().encode(text));

class FakeTrack {
  mode = 'disabled';
  cues: FakeCue[] = [];
  constructor(
    readonly kind: string,
    readonly label: string,
  ) {}
  addCue(cue: FakeCue): void {
    this.cues = [...this.cues, cue].toSorted((a, b) => a.startTime - b.startTime || b.endTime - a.endTime); // as browsers do
  }
  removeCue(cue: FakeCue): void {
    if (!this.cues.includes(cue)) throw new DOMException('no such cue', 'NotFoundError');
    this.cues = this.cues.filter((c) => c !== cue);
  }
}

class FakeCue {
  constructor(
    public startTime: number,
    public endTime: number,
    readonly text: string,
  ) {}
}

class FakeVideo {
  currentTime = 0;
  textTracks: FakeTrack[] = [];
  addTextTrack(kind: string, label: string): FakeTrack {
    const track = new FakeTrack(kind, label);
    this.textTracks.push(track);
    return track;
  }
}

beforeEach(() => Object.assign(globalThis, { VTTCue: FakeCue }));

/** A published stream whose messages are kept. */
function publishedStream() {
  const stream = new LocalStageStream({ kind: 'video', enabled: true } as MediaStreamTrack, { inBandMessaging: { enabled: true } });
  const sent: OutgoingMessage[] = [];
  stream.bind({ sender: {} as RTCRtpSender, insert: (m) => sent.push(m) });
  return { stream, sent };
}

/** A track for the participant "ann"; say plays a message of somebody. */
function newTrack(video = new FakeVideo()) {
  const stage = new Emitter<StageEventMap>();
  const captions = new CaptionTrack(stage, 'ann', video as unknown as HTMLVideoElement);
  const receive = (from: string, payload: Uint8Array): void => {
    stage.emit(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, new ParticipantInfo(from, false), received(payload));
  };
  const { stream, sent } = publishedStream();
  const say = (caption: Parameters<typeof sendCaption>[1], from = 'ann'): void => {
    void sendCaption(stream, caption);
    receive(from, sent.at(-1)!.payload);
  };
  const shown = () => video.textTracks[0]!.cues.map(({ startTime, endTime, text }) => [startTime, endTime, text]);
  return { captions, video, receive, say, shown };
}

test('a caption arrives as it was sent, in more than one picture', async () => {
  const { stream, sent } = publishedStream();
  await sendCaption(stream, { id: 'one', text: 'Grüß Gott', language: 'de', duration: 3 });
  assert.ok(sent[0]!.repeatCount > 0);
  assert.deepEqual(readCaption(received(sent[0]!.payload)), { id: 'one', text: 'Grüß Gott', language: 'de', duration: 3 });
});

test('a caption that does not fit a message is refused', async () => {
  const { stream } = publishedStream();
  await assert.rejects(sendCaption(stream, { text: 'x'.repeat(1100) }), RangeError);
});

test('other messages are no captions', () => {
  const whole = { kind: 'rostrum-caption', id: 'i', text: 't', language: '', duration: 1 };
  for (const text of ['', 'hello', '{', 'null', '[]', '{}', JSON.stringify({ ...whole, kind: 'other' }), JSON.stringify({ ...whole, text: 7 }), JSON.stringify({ ...whole, duration: '1' }), '{"kind":"rostrum-caption","text":"\xff']) {
    assert.equal(readCaption(message(text)), undefined, text);
  }
  assert.equal(readCaption(received(Uint8Array.of(0x7b, 0xff, 0xfe))), undefined);
  assert.equal(readCaption(message(JSON.stringify({ ...whole, duration: 1e9 })))!.duration, 60);
});

test('a cue shows from when it came, until the next', () => {
  const { video, say, shown } = newTrack();
  video.currentTime = 10;
  say({ text: 'first', duration: 4 });
  video.currentTime = 12;
  say({ text: 'second', duration: 4 });
  assert.deepEqual(shown(), [[10, 12, 'first'], [12, 16, 'second']]);
});

test('a newer version of a line takes its place', () => {
  const { video, say, shown } = newTrack();
  say({ id: 'line', text: 'to be', duration: 4 });
  video.currentTime = 1;
  say({ id: 'line', text: 'to be or not', duration: 4 });
  assert.deepEqual(shown(), [[0, 5, 'to be or not']]);
});

test('captions of others are not shown', () => {
  const { say, shown } = newTrack();
  say({ text: 'hello' }, 'bob');
  assert.deepEqual(shown(), []);
});

test('markup in a caption is text', () => {
  const { say, shown } = newTrack();
  say({ text: '<b>&amp;</b> --> x' });
  assert.equal(shown()[0]![2], '&lt;b&gt;&amp;amp;&lt;/b&gt; --&gt; x');
});

test('cues do not pile up', () => {
  const { say, shown } = newTrack();
  for (let i = 0; i < 250; i++) say({ text: `${i}` });
  assert.equal(shown().length, 200);
  assert.ok(shown().some(([, , text]) => text === '249'));
});

test('when the element plays another stream, whose time begins anew, the cues of the former one are gone', () => {
  const { video, say, shown } = newTrack();
  video.currentTime = 100;
  say({ text: 'old', duration: 4 });
  say({ id: 'line', text: 'to be', duration: 4 });
  video.currentTime = 1;
  say({ id: 'line', text: 'to be or not', duration: 4 });
  assert.deepEqual(shown(), [[1, 5, 'to be or not']]);
});

test('with as many cues as are kept, the oldest one goes, whatever the order of their times', () => {
  const { video, say, shown } = newTrack();
  for (let i = 0; i < 200; i++) {
    video.currentTime = 300 + i;
    say({ text: `${i}` });
  }
  video.currentTime = 2;
  for (let i = 200; i < 500; i++) say({ id: `${i}`, text: `${i}`, duration: i % 7 });
  say({ id: '499', text: 'again' });
  assert.equal(shown().length, 200);
  assert.ok(shown().some(([, , text]) => text === 'again'));
  assert.ok(!shown().some(([, , text]) => text === '299'));
  assert.ok(shown().every(([start, end]) => start! <= end!));
});

test('a closed track shows nothing more, and is used again', () => {
  const { captions, video, say, shown } = newTrack();
  say({ text: 'hello' });
  captions.close();
  say({ text: 'again' });
  assert.deepEqual(shown(), []);
  assert.equal(video.textTracks[0]!.mode, 'disabled');
  const next = newTrack(video);
  assert.equal(video.textTracks.length, 1);
  next.say({ text: 'new' });
  assert.equal(shown()[0]![2], 'new');
});
