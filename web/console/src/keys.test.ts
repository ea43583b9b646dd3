import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, createSign, createVerify } from 'node:crypto';
import { test } from 'node:test';

import { makeKeyPair, pem, signingProgram } from './keys.ts';

test('a pair that is made signs and verifies with other programs', async () => {
  const { privateKey, publicKey } = await makeKeyPair();
  assert.equal(createPublicKey(publicKey).asymmetricKeyDetails!.namedCurve, 'secp384r1');
  const signature = createSign('sha384').update('text').sign(createPrivateKey(privateKey));
  assert.ok(createVerify('sha384').update('text').verify(publicKey, signature));
});

test('PEM has lines of 64 characters', () => {
  for (const length of [1, 48, 49, 120]) {
    const lines = pem('X', new Uint8Array(length).buffer as ArrayBuffer).trimEnd().split('\n').slice(1, -1);
    assert.ok(lines.every((l, i) => (i < lines.length - 1 ? l.length === 64 : l.length > 0 && l.length <= 64)), `${length}`);
  }
});

test('the program names the key and the addresses of the server', () => {
  const program = signingProgram('arn:aws:ivs:eu-west-1:1:public-key/k', 'https://stages.example');
  for (const part of ["kid: 'arn:aws:ivs:eu-west-1:1:public-key/k'", "'wss://stages.example/events'", "'https://stages.example/whip'"]) assert.ok(program.includes(part), part);
});
