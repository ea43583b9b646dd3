import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bucketProblem, nameProblem, numberProblem, sizeProblem } from './limits.ts';

test('a number is held to its limits', () => {
  const limits = { min: 2, max: 1920, even: true };
  for (const good of ['2', '1920', ' 640 ']) assert.equal(numberProblem(good, limits), undefined, good);
  for (const bad of ['', ' ', '0', '-2', '1922', '3', '2.5', 'x', '1e9', 'NaN', 'Infinity']) assert.ok(numberProblem(bad, limits), bad);
  assert.equal(numberProblem('', { min: 0, max: 1, optional: true }), undefined);
});

test('names are those of the API', () => {
  for (const good of ['', 'a-b_C9', 'x'.repeat(128)]) assert.equal(nameProblem(good), undefined, good);
  for (const bad of ['a b', 'ä', '<b>', 'x'.repeat(129), 'a\n']) assert.ok(nameProblem(bad), bad);
});

test('buckets have names of S3', () => {
  for (const good of ['abc', 'my.bucket-1']) assert.equal(bucketProblem(good), undefined, good);
  for (const bad of ['', 'ab', 'Abc', 'a..b', '-ab', 'ab-', 'a/b', 'x'.repeat(64)]) assert.ok(bucketProblem(bad), bad);
});

test('a picture has at most the pixels of 1080p', () => {
  assert.equal(sizeProblem('1080', '1920'), undefined);
  assert.ok(sizeProblem('1920', '1082'));
});
