import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Emitter } from './emitter.ts';

test('an exception of one listener keeps the others from nothing, and is reported', (t) => {
  const reported = t.mock.method(console, 'error', () => {});
  const emitter = new Emitter<{ change: (n: number) => void }>();
  const heard: number[] = [];
  emitter.on('change', () => {
    throw new Error('of the application');
  });
  emitter.on('change', (n) => heard.push(n));
  emitter.emit('change', 7);
  assert.deepEqual(heard, [7]);
  assert.equal(reported.mock.callCount(), 1);
});

test('a listener that was removed hears no more', () => {
  const emitter = new Emitter<{ change: () => void }>();
  let heard = 0;
  const listener = (): void => void heard++;
  emitter.on('change', listener);
  assert.equal(emitter.hasListenersFor('change'), true);
  emitter.off('change', listener);
  emitter.emit('change');
  assert.deepEqual([heard, emitter.hasListenersFor('change')], [0, false]);
});
