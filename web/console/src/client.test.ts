import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { changeTags } from './api/client.ts';

/** Calls with an answer to each method; returns what was sent. */
async function sent(answers: Record<string, number>, before: Record<string, string>, after: Record<string, string>): Promise<string[]> {
  const requests: string[] = [];
  mock.method(globalThis, 'fetch', async (path: string, init: RequestInit) => {
    requests.push(`${init.method} ${path.split('?')[1] ?? init.body}`);
    return new Response('{}', { status: answers[init.method!] ?? 200 });
  });
  await changeTags('arn', before, after).catch(() => {});
  mock.restoreAll();
  return requests;
}

const many = (from: number, to: number) => Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`k${from + i}`, 'x']));

test('a tag is renamed without losing it', async () => {
  assert.deepEqual(await sent({}, { team: 'red' }, { group: 'red' }), ['POST {"tags":{"group":"red"}}', 'DELETE tagKeys=team']);
  assert.deepEqual(await sent({ POST: 400 }, { team: 'red' }, { 'aws:team': 'red' }), ['POST {"tags":{"aws:team":"red"}}']);
});

test('tags may have the names of properties of objects', async () => {
  assert.deepEqual(await sent({}, { constructor: 'x' }, {}), ['DELETE tagKeys=constructor']);
  assert.deepEqual(await sent({}, {}, { toString: 'x' }), ['POST {"tags":{"toString":"x"}}']);
});

test('tags are removed first where there is no space for both', async () => {
  const requests = await sent({}, many(0, 50), many(1, 51));
  assert.deepEqual(requests.map((r) => r.split(' ')[0]), ['DELETE', 'POST']);
});

test('what stays is not sent', async () => assert.deepEqual(await sent({}, { a: '1' }, { a: '1' }), []));
