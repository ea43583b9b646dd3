import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeMessages, encodeMessage, insertUnits } from './nal.ts';
import { Extractor, Inserter, type Picture } from './sei-pipe.ts';

const parameterSets = [0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 4];
const slice = [0, 0, 0, 1, 0x65, 9, 8, 7];
const keyframe = new Uint8Array([...parameterSets, ...slice]);
const uuid = Uint8Array.from({ length: 16 }, (_, i) => i);
const messagesOf = (picture: Uint8Array): Uint8Array[] => [...decodeMessages(picture)].map(({ payload }) => payload);

test('a message of any length and content comes back as it was', () => {
  for (const length of [1, 238, 239, 240, 255, 600, 1024]) {
    for (const fill of [0, 1, 3, 255]) {
      const payload = new Uint8Array(length).fill(fill);
      const picture = insertUnits(keyframe, [encodeMessage(uuid, payload)])!;
      const [found, ...more] = [...decodeMessages(picture)];
      assert.deepEqual([found!.uuid, found!.payload, more.length], [uuid, payload, 0], `${length} times ${fill}`);
    }
  }
});

test('a message stands between the parameter sets and the slice, with no start code in it', () => {
  const unit = encodeMessage(uuid, new Uint8Array([0, 0, 1, 0, 0, 0, 0, 0, 3]));
  const picture = insertUnits(keyframe, [unit])!;
  assert.deepEqual([...picture], [...parameterSets, ...unit, ...slice]);
  assert.equal(Buffer.from(unit.subarray(4)).includes(Buffer.from([0, 0, 1])), false);
});

test('a picture without a slice is left alone', () => {
  assert.equal(insertUnits(new Uint8Array(parameterSets), [encodeMessage(uuid, uuid)]), undefined);
});

test('malformed messages are read as none', () => {
  for (const sei of [[6], [6, 5], [6, 5, 200, 1, 2], [6, 255, 255, 255], [6, 5, 4, 1, 2, 3, 4, 0x80], [6, 4, 2, 1, 1, 0x80]]) {
    assert.deepEqual(messagesOf(new Uint8Array([0, 0, 1, ...sei, ...slice])), [], `${sei}`);
  }
  assert.deepEqual(messagesOf(new Uint8Array()), []);
});

const pictureOf = (encoding: number, mimeType = 'video/H264'): Picture => ({
  data: keyframe.slice().buffer,
  getMetadata: () => ({ synchronizationSource: encoding, mimeType }),
});

test('a message goes into each encoding as often as asked, and is told once', () => {
  const inserter = new Inserter();
  inserter.add({ payload: new Uint8Array([7]), uuid, repeatCount: 2 });
  const told: string[] = [];
  const extractor = new Extractor(({ uuid: id, payload }) => told.push(`${new Uint8Array(id)} ${new Uint8Array(payload)}`));
  for (const encoding of [11, 22]) {
    const carried = Array.from({ length: 5 }, () => {
      const picture = pictureOf(encoding);
      inserter.process(picture);
      if (encoding === 11) extractor.process(picture);
      return messagesOf(new Uint8Array(picture.data)).length;
    });
    assert.deepEqual(carried, [1, 1, 1, 0, 0], `encoding ${encoding}`);
  }
  assert.deepEqual(told, [`${uuid} 7`]);
});

test('a message that takes longer to repeat than it is remembered is told once', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const inserter = new Inserter();
  inserter.add({ payload: new Uint8Array([7]), uuid, repeatCount: 30 });
  let told = 0;
  const extractor = new Extractor(() => told++);
  for (let i = 0; i < 31; i++) {
    const picture = pictureOf(1);
    inserter.process(picture);
    assert.equal(messagesOf(new Uint8Array(picture.data)).length, 1, `picture ${i}`);
    extractor.process(picture);
    t.mock.timers.tick(100);
  }
  assert.equal(told, 1);
});

test('other codecs are left alone', () => {
  const inserter = new Inserter();
  inserter.add({ payload: uuid, uuid, repeatCount: 0 });
  const picture = pictureOf(1, 'video/VP8');
  inserter.process(picture);
  assert.deepEqual(new Uint8Array(picture.data), keyframe);
});
