import assert from 'node:assert/strict';
import { type TestContext, beforeEach, mock, test } from 'node:test';

import { settle } from './fake.ts';
import { Retry } from './retry.ts';

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  (t as TestContext).after(() => mock.timers.reset());
});

/** Whether a wait has ended without time passing. */
async function isOver(waiting: Promise<void>): Promise<boolean> {
  let over = false;
  void waiting.then(() => (over = true));
  await settle();
  return over;
}

test('now ends the present wait, and no other', async () => {
  const retry = new Retry();
  const waiting = retry.wait();
  assert.equal(await isOver(waiting), false);
  retry.now();
  assert.equal(await isOver(waiting), true);
  assert.equal(await isOver(retry.wait()), false);
});

test('now without a wait leaves out the next one only, and not the pause that the server asks for', async () => {
  const retry = new Retry();
  retry.now();
  assert.equal(await isOver(retry.wait()), true);
  assert.equal(await isOver(retry.wait()), false);
  const asked = new Retry();
  asked.now();
  assert.equal(await isOver(asked.wait(1000)), false);
});

test('wake without a wait changes nothing', async () => {
  const retry = new Retry();
  retry.wake();
  assert.equal(await isOver(retry.wait()), false);
});
