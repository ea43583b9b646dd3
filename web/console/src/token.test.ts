import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readToken } from './token.ts';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = `${part({ alg: 'ES384' })}.${part({ user_id: 'Zoë', jti: 'p' })}.signature`;

test('a token is read, also from a link', () => {
  for (const text of [token, ` ${token}\n`, `http://127.0.0.1:7080/stage/#${token}&stage=demo`]) {
    assert.deepEqual(readToken(text), { header: { alg: 'ES384' }, claims: { user_id: 'Zoë', jti: 'p' } });
  }
});

test('what is no token is refused', () => {
  for (const text of ['', 'a.b.c', 'a.b', `${part([])}.${part({})}.x`, `${part('a')}.${part(null)}.x`, `${part({})}.////.x`]) assert.equal(readToken(text), null);
});
