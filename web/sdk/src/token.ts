import { RealTimeConnectionError, RealTimeConnectionErrorCode } from './connection-error.ts';
import { StageError, StageErrorCategory, StageErrorCode } from './errors.ts';

/** The claims of a participant token that a client needs. The server verifies them. */
export interface Claims {
  jti: string;
  topic: string;
  resource?: string;
  whip_url: string;
  events_url: string;
  user_id?: string;
  attributes?: Record<string, string>;
  capabilities?: { allow_publish?: boolean; allow_subscribe?: boolean };
  iat?: number;
  exp?: number;
}

/** Reads the claims of a token. */
export function parseToken(token: string): Claims {
  const claims = decode(token);
  if (!claims) throw malformed('it is no JSON Web Token');
  for (const name of ['jti', 'topic', 'whip_url', 'events_url'] as const) {
    if (typeof claims[name] !== 'string') throw malformed(`it has no ${name}`);
  }
  return claims;
}

/** Reads where a connection token connects to, and fails if it is expired. */
export function parseConnectionToken(token: string): { events_url: string } {
  const { events_url, exp = Infinity } = decode(token) ?? {};
  if (typeof events_url !== 'string') throw new RealTimeConnectionError(RealTimeConnectionErrorCode.CONNECTION_TOKEN_INVALID, 'This is not a connection token.');
  if (1000 * exp <= Date.now()) throw new RealTimeConnectionError(RealTimeConnectionErrorCode.CONNECTION_TOKEN_EXPIRED, 'The connection token is expired.');
  return { events_url };
}

const immutable = ['topic', 'resource', 'jti', 'whip_url', 'events_url'] as const;

/** Names the first claim that differs and may not, when a token replaces another. */
export function changedClaim(before: Claims, after: Claims): string | undefined {
  return immutable.find((name) => before[name] !== after[name]);
}

function decode(token: string): Claims | undefined {
  try {
    const payload = token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims === 'object' && claims !== null) return claims as Claims;
  } catch {
    // Undefined, as for what is no object.
  }
  return undefined;
}

function malformed(why: string): StageError {
  return new StageError(StageErrorCode.TOKEN_MALFORMED, StageErrorCategory.JOIN_ERROR, `This is not a token of a stage: ${why}.`);
}
