import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bits, idOf, span, words } from './format.ts';

test('numbers have three digits and a unit', () => {
  for (const [value, expected] of [[0, '0 bit/s'], [999, '999 bit/s'], [1234, '1.23 kbit/s'], [12_340_000, '12.3 Mbit/s'], [1e15, '1000 Tbit/s']] as const) {
    assert.equal(bits(value), expected);
  }
});

test('spans are told in the two largest units', () => {
  const from = '2026-07-01T10:00:00Z';
  assert.equal(span(from, '2026-07-01T10:00:09Z'), '9 s');
  assert.equal(span(from, '2026-07-01T10:02:03Z'), '2 min 3 s');
  assert.equal(span(from, '2026-07-01T13:02:03Z'), '3 h 2 min');
  assert.equal(span(from, '2026-07-03T13:02:03Z'), '2 d 3 h');
  assert.equal(span(from, '2026-07-01T09:00:00Z'), '0 s');
});

test('constants and ARNs are told as words and ids', () => {
  assert.equal(words('PUBLISH_STARTED'), 'Publish started');
  assert.equal(idOf('arn:aws:ivs:eu-west-1:111122223333:stage/Ab3d'), 'Ab3d');
});
