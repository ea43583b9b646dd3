import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { type StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
import { StageEvents } from './events.ts';
import { everything, newStage, state } from './fake-stage.ts';
import { FakePeer, FakeSocket, FakeTrack, installFakes, newest, participantOf, settle } from './fake.ts';
import { LocalStageStream } from './local-stream.ts';

beforeEach(installFakes);

test('what the browser refuses of the media is an error at once', async (t) => {
  const addTransceiver = mock.method(FakePeer.prototype, 'addTransceiver', () => {
    throw new RangeError('no such scale');
  });
  t.after(() => addTransceiver.mock.restore());
  const stream = new LocalStageStream(new FakeTrack('video') as unknown as MediaStreamTrack);
  const { stage, events } = newStage(t, { ...everything, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] });
  const errors: StageError[] = [];
  stage.on(StageEvents.ERROR, (error) => errors.push(error));
  void stage.join();
  newest(FakeSocket.all).open();
  newest(FakeSocket.all).deliver(state('self', participantOf('bob', { isPublishing: true })));
  await settle();
  const { SUBSCRIBE_ERROR, PUBLISH_ERROR } = StageErrorCategory;
  assert.deepEqual(errors.map(({ code, category, message }) => [code, category, message]), [SUBSCRIBE_ERROR, PUBLISH_ERROR].map((category) => [StageErrorCode.FAILED, category, 'no such scale']));
  assert.equal(FakePeer.all.length, 2, 'each is tried once');
  assert.ok(events.includes('stageParticipantPublishStateChanged self errored'));
  assert.ok(events.includes('stageParticipantSubscribeStateChanged bob errored'));
});
