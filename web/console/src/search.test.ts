import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mentions, search } from './api/search.ts';

/** A list of numbered items, ten a page. */
const list = (count: number) => {
  const asked: (string | undefined)[] = [];
  const load = async (token: string | undefined) => {
    asked.push(token);
    const from = Number(token ?? 0);
    return { items: Array.from({ length: Math.min(10, count - from) }, (_, i) => from + i), nextToken: from + 10 < count ? String(from + 10) : undefined };
  };
  return { asked, load };
};

test('without a filter one page is loaded', async () => {
  const { asked, load } = list(100);
  assert.deepEqual(await search(load, undefined, '10'), { items: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19], nextToken: '20' });
  assert.deepEqual(asked, ['10']);
});

test('a filter looks through pages until there is a page of what matches, the end, or a bound', async () => {
  const rare = list(100);
  assert.deepEqual(await search(rare.load, (n) => n === 77, undefined), { items: [77], nextToken: undefined });
  const long = list(1000);
  const found = await search(long.load, (n) => n % 2 === 0, undefined);
  assert.deepEqual([found.items.length, found.nextToken], [50, '100']);
  const none = list(1000);
  assert.deepEqual(await search(none.load, () => false, undefined), { items: [], nextToken: '200' });
});

test('a resource is found by its name, ARN and tags', () => {
  const resource = { arn: 'arn:aws:ivs:eu-west-1:1:channel/AbC', name: 'Show', tags: { team: 'Red' } };
  for (const text of ['show', ' ABC ', 'team', 'red']) assert.ok(mentions(text)!(resource), text);
  assert.ok(!mentions('blue')!(resource));
  assert.ok(mentions('x')!({ name: 'x' }));
  assert.equal(mentions('  '), undefined);
});
