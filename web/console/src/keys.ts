// Key pairs for signing participant tokens: ECDSA on the curve P-384, as the API takes them.

const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };

/** DER as PEM (RFC 7468). */
export function pem(label: string, der: ArrayBuffer): string {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(der)));
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
}

export interface KeyPair {
  privateKey: string; // PEM
  publicKey: string; // PEM
}

/** Makes a key pair. Browsers do that on pages that were loaded over HTTPS or from this machine only. */
export async function makeKeyPair(): Promise<KeyPair> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return { privateKey: pem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', privateKey)), publicKey: pem('PUBLIC KEY', await crypto.subtle.exportKey('spki', publicKey)) };
}

/** A program for Node.js that signs a participant token with a private key. */
export const signingProgram = (keyArn: string, endpoint: string): string => `import { randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const stageArn = process.argv[2]; // arn:aws:ivs:…:stage/…
const now = Math.floor(Date.now() / 1000);
const header = { alg: 'ES384', typ: 'JWT', kid: '${keyArn}' };
const claims = {
  version: '1.0',
  iat: now,
  exp: now + 12 * 60 * 60, // at most 14 days
  jti: randomUUID(), // the id of the participant
  resource: stageArn,
  topic: stageArn.split('/')[1],
  events_url: '${endpoint.replace(/^http/, 'ws')}/events',
  whip_url: '${endpoint}/whip',
  user_id: 'ann',
  attributes: { name: 'Ann' },
  capabilities: { allow_publish: true, allow_subscribe: true },
};
const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
const signature = sign('sha384', Buffer.from(text), { key: readFileSync('private-key.pem', 'utf8'), dsaEncoding: 'ieee-p1363' });
console.log(\`\${text}.\${signature.toString('base64url')}\`);`;
