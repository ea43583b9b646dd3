import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeTrack, answers } from './media.fake.ts';
import { Device } from './local-media.ts';

/** A camera that is open, and what the browser is asked for next. */
async function openCamera() {
  const track = new FakeTrack('video');
  const browser = answers([track]);
  const failures: unknown[] = [];
  const camera = new Device('camera', () => {}, (error) => failures.push(error));
  await camera.open();
  return { browser, camera, failures, track };
}

test('a camera whose switch failed is shown as on, and can be muted', async () => {
  const { browser, camera, failures, track } = await openCamera();
  browser.push('NotFoundError');
  await camera.open('other');
  assert.deepEqual([camera.isOn, track.readyState, failures.length], [true, 'live', 1]);
  await camera.toggle();
  assert.deepEqual([camera.isOn, camera.stream!.isMuted, track.enabled, browser.length], [false, true, false, 0]);
  await camera.toggle();
  assert.equal(camera.isOn, true);
});

test('a phone that opens one camera at a time closes the former one for another', async () => {
  const { browser, camera, track } = await openCamera();
  const other = new FakeTrack('video');
  browser.push('NotReadableError', other);
  await camera.open('other');
  assert.deepEqual([camera.isOn, camera.error, camera.track, track.readyState], [true, undefined, other, 'ended']);
});

test('a camera that is unplugged is muted and off, and on again with the next one', async () => {
  const { browser, camera, failures, track } = await openCamera();
  const failed = new Promise((resolve) => failures.push = (error) => (resolve(error), 1));
  browser.push('NotFoundError');
  track.end();
  await failed;
  assert.deepEqual([camera.isOn, camera.stream!.isMuted], [false, true]);
  browser.push(new FakeTrack('video'));
  await camera.open('other');
  assert.deepEqual([camera.isOn, camera.stream!.isMuted], [true, false]);
});

test('a muted camera stays muted when it is unplugged and another one is opened', async () => {
  const { browser, camera, track } = await openCamera();
  await camera.toggle();
  track.stop();
  browser.push('NotFoundError', new FakeTrack('video'));
  await camera.open();
  await camera.open();
  assert.deepEqual([camera.isOpen, camera.isOn], [true, false]);
});

test('the camera that was chosen is opened in the next call, too, or any if it is gone', async () => {
  const asked: (string | undefined)[] = [];
  answers([new FakeTrack('video'), new FakeTrack('video'), new FakeTrack('video'), 'OverconstrainedError', new FakeTrack('video')], asked);
  const camera = new Device('camera', () => {});
  await camera.open();
  await camera.open('other');
  camera.close();
  await camera.open();
  camera.close();
  await camera.open();
  assert.deepEqual(asked, [undefined, 'other', 'other', 'other', undefined]);
  assert.equal(camera.isOn, true);
});

test('the camera that was chosen last is used, whichever opens last', async () => {
  const { browser, camera, failures } = await openCamera();
  for (const late of [new FakeTrack('video'), 'NotFoundError', 'NotReadableError']) {
    let arrive!: (answer: FakeTrack | string) => void;
    const slow = new Promise<FakeTrack | string>((resolve) => (arrive = resolve));
    const chosen = new FakeTrack('video');
    browser.push(slow, chosen);
    const opening = [camera.open('slow'), camera.open('chosen')];
    await opening[1];
    arrive(late);
    await opening[0];
    assert.deepEqual([camera.track, chosen.readyState, camera.error, failures.length], [chosen, 'live', undefined, 0]);
    if (late instanceof FakeTrack) assert.equal(late.readyState, 'ended');
  }
});
