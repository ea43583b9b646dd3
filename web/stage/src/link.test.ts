import assert from 'node:assert/strict';
import { test } from 'node:test';

import { originOf, parseLink, whyNoScreen } from './link.ts';

const tokenOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const claims = { jti: 'ann', topic: 'stage', whip_url: 'https://a.example/whip', events_url: 'wss://a.example/events' };
const [ann, screen, bob] = ['Ann Ünal', 'screen', 'bob'].map((jti) => tokenOf({ ...claims, jti }));

test('a link brings a token, and what follows it', () => {
  const link = parseLink(`https://a.example/stage/#${ann}&screen=${screen}&invite=${bob}&invite=nonsense&stage=Team%20%3Cb%3E`)!;
  assert.deepEqual([link.token, link.screen, link.invitations, link.stageName], [ann, screen, [bob], 'Team <b>']);
  assert.equal(link.fragment, `${ann}&screen=${screen}&invite=${bob}&invite=nonsense&stage=Team%20%3Cb%3E`);
  assert.equal(link.claims.jti, 'Ann Ünal');
  assert.equal(originOf(link.claims), 'https://a.example');
});

test('a token alone is a link', () => {
  assert.deepEqual(parseLink(`  ${ann}\n`)?.invitations, []);
});

for (const [what, token] of Object.entries({
  nothing: '',
  nonsense: 'a.b.c',
  'a token without an address': tokenOf({ ...claims, whip_url: undefined }),
  'a token whose address is none': tokenOf({ ...claims, events_url: 'here' }),
  'a number for an address': tokenOf({ ...claims, events_url: 7 }),
  null: 'e30.bnVsbA.c2ln',
})) {
  test(`${what} is no link`, () => assert.equal(parseLink(token), undefined));
}

test('the address of a token is one of the web, whatever it says', () => {
  for (const events_url of ['javascript:alert(1)//', 'data:text/html,x', 'file:///etc/passwd']) assert.equal(parseLink(tokenOf({ ...claims, events_url })), undefined, events_url);
});

const own = { ...claims, capabilities: { allow_publish: true } };
for (const [different, why] of [
  [{}, undefined],
  [{ exp: 1001 }, undefined],
  [{ events_url: 'wss://b.example/events' }, /another server/],
  [{ topic: 'other' }, /another stage/],
  [{ jti: 'ann' }, /your own/],
  [{ capabilities: { allow_subscribe: true } }, /not allow publishing/],
  [{ exp: 1000 }, /expired/],
] as const) {
  test(`a token for the screen with ${JSON.stringify(different)}: ${why ?? 'is taken'}`, () => {
    const answer = whyNoScreen({ ...own, jti: 'screen', ...different }, own, 1_000_000);
    if (why) assert.match(answer ?? '', why);
    else assert.equal(answer, undefined);
  });
}
