import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Message, parse, readStream } from './api/stream.ts';

test('a stream is read however it is cut', async () => {
  const text = 'retry: 1000\n\nid: 7\ndata: {"a":1}\n\n: still here\n\nid: 8\ndata: one\ndata: two\n\n';
  for (const size of [1, 3, 1000]) {
    const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g'))!.map((c) => new TextEncoder().encode(c));
    const seen: Message[] = [];
    await readStream(new Response(new ReadableStream({ start: (c) => (chunks.forEach((chunk) => c.enqueue(chunk)), c.close()) })), (m) => seen.push(m));
    assert.deepEqual(seen, [{ id: '7', data: '{"a":1}' }, { id: '8', data: 'one\ntwo' }]);
  }
});

test('a comment is no message', () => assert.deepEqual(parse(': still here'), []));
