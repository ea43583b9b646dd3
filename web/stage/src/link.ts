import { type Claims, parseToken } from 'rostrum-sdk';

/** What a link to the page brings. */
export interface Link {
  /** All of it, to be opened elsewhere. */
  fragment: string;
  token: string;
  claims: Claims;
  /** Another participant's token, for a shared screen. */
  screen?: string;
  /** Tokens to invite others with, one a person. */
  invitations: string[];
  /** What the issuer of the link calls the stage. */
  stageName?: string;
}

const maxNameLength = 80;

/**
 * Reads the fragment of a link: a token, then optionally &screen=TOKEN, &invite=TOKEN (any
 * number) and &stage=NAME. A whole link is taken, too. It is undefined without a valid token.
 */
export function parseLink(text: string): Link | undefined {
  const fragment = text.trim().split('#').at(-1)!;
  const [token = '', ...rest] = fragment.split('&');
  const claims = claimsOf(token);
  if (!claims) return undefined;
  const fields = new URLSearchParams(rest.join('&'));
  const screen = fields.get('screen') ?? undefined;
  return {
    fragment,
    token,
    claims,
    screen: screen && claimsOf(screen) ? screen : undefined,
    invitations: fields.getAll('invite').filter((invitation) => claimsOf(invitation)),
    stageName: fields.get('stage')?.slice(0, maxNameLength),
  };
}

/** Reads the claims of a token; undefined for what is none, or leads to no web server. */
export function claimsOf(token: string): Claims | undefined {
  try {
    const claims = parseToken(token);
    return isAddress(claims.whip_url) && isAddress(claims.events_url) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** Says why a token can't bring the shared screen of somebody as a participant; undefined if it can. */
export function whyNoScreen(screen: Claims, own: Claims, now = Date.now()): string | undefined {
  if (originOf(screen) !== originOf(own)) return 'The token for the screen is for another server.';
  if (screen.topic !== own.topic) return 'The token for the screen is for another stage.';
  if (screen.jti === own.jti) return 'The token for the screen is your own. The screen needs a second one.';
  if (!screen.capabilities?.allow_publish) return 'The token for the screen does not allow publishing.';
  if (screen.exp !== undefined && 1000 * screen.exp <= now) return 'The token for the screen has expired.';
  return undefined;
}

/** A token may say anything; only addresses of the web become links. */
const isAddress = (url: string): boolean => URL.canParse(url) && /^(https?|wss?):$/.test(new URL(url).protocol);

/** The origin of the server that a token connects to, as its pages have it. */
export const originOf = ({ events_url }: Claims): string => new URL(events_url.replace(/^ws/, 'http')).origin;

/** Where this page is on a server. */
export const pageAt = (origin: string, fragment: string): string => `${origin}/stage/#${fragment}`;
