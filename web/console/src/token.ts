/** A participant token, read without its signature. */
export interface Token {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

const decode = (part: string): unknown => {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a token, or the one in a link to the stage page; null if there is none. */
export function readToken(text: string): Token | null {
  const parts = text.trim().split('#').at(-1)!.split('&')[0]!.split('.');
  if (parts.length !== 3) return null;
  try {
    const [header, claims] = [decode(parts[0]!), decode(parts[1]!)];
    return isObject(header) && isObject(claims) ? { header, claims } : null;
  } catch {
    return null;
  }
}
