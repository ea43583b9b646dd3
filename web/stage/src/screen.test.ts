import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeTrack, answers } from './media.fake.ts';
import { Device } from './local-media.ts';
import { SharedScreen } from './screen.ts';

/** An open, muted camera, and a screen that the user will choose. */
async function muted() {
  const [own, video] = [new FakeTrack('video'), new FakeTrack('video')];
  answers([own, video]);
  const camera = new Device('camera', () => {});
  await camera.open();
  await camera.toggle();
  return { camera, closing: new AbortController(), own, video };
}

/** Which track is sent, and whether the stream is muted. */
const sent = ({ stream }: Device) => [stream!.mediaStreamTrack as unknown, stream!.isMuted];

test('a screen takes the place of a muted camera until it ends', async () => {
  const { camera, closing, own, video } = await muted();
  assert.ok(await SharedScreen.start(camera, undefined, closing.signal, () => {}));
  assert.deepEqual(sent(camera), [video, false]);
  video.end();
  assert.deepEqual(sent(camera), [own, true]);
});

test('a screen that is chosen after the end of the call is not shared', async () => {
  const { camera, closing, own, video } = await muted();
  const starting = SharedScreen.start(camera, undefined, closing.signal, () => {});
  closing.abort();
  assert.equal(await starting, undefined);
  assert.deepEqual([video.readyState, ...sent(camera)], ['ended', own, true]);
});

for (const [what, stop] of Object.entries({
  'that ends': ({ video }: { video: FakeTrack }) => video.end(),
  'of a call that ends': ({ closing }: { closing: AbortController }) => closing.abort(),
})) {
  test(`a screen ${what} while it takes the place of the camera leaves the camera muted`, async () => {
    const all = await muted();
    const { camera, closing, own, video } = all;
    const replace = camera.replace.bind(camera);
    camera.replace = async (track) => {
      await replace(track);
      if (track) stop(all);
    };
    assert.equal(await SharedScreen.start(camera, undefined, closing.signal, () => {}), undefined);
    assert.deepEqual([video.readyState, ...sent(camera)], ['ended', own, true]);
  });
}
