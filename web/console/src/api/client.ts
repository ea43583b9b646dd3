// Requests to the server: the operations of the API and the console's own. The session's
// cookie authenticates them; the header tells the server that its own page asks.
import type { ChannelOperations } from './channels.ts';
import { cli } from './cli.ts';
import type { Operations } from './operations.ts';

/** Input and output of each operation of the real-time and the channel API. */
export type Api = Operations & ChannelOperations;

/** An answer that is an error, with its code as the API names it. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }

  /** Whether the policies of the access key do not allow it. */
  get denied(): boolean {
    return this.code === 'AccessDeniedException';
  }
}

const endings = new Set<() => void>();

/** Calls back when the server says that the session has ended. Returns how to stop that. */
export function onSessionEnd(listener: () => void): () => void {
  endings.add(listener);
  return () => endings.delete(listener);
}

const sessionCodes = ['ExpiredTokenException', 'MissingAuthenticationToken', 'UnrecognizedClientException'];

/** Sends a request; rejects with an {@link ApiError} unless it is answered well. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...init.headers, 'X-Rostrum-Console': '1' }, credentials: 'same-origin' });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw new ApiError('Unreachable', 'The server does not answer.', 0);
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { message?: string };
  const code = response.headers.get('x-amzn-ErrorType') ?? `HTTP ${response.status}`;
  if (sessionCodes.includes(code) && !path.endsWith('/sign-in')) for (const listener of endings) listener();
  throw new ApiError(code, body.message ?? response.statusText, response.status);
}

/** Sends JSON and returns the JSON of the answer; an empty object if there is none. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' }, signal });
  const text = await response.text();
  return JSON.parse(text || '{}') as T;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send(path, { signal })).json() as Promise<T>;
}

/** Calls an operation of the API. */
export const call = <K extends keyof Api>(operation: K, input: Api[K]['input'], signal?: AbortSignal): Promise<Api[K]['output']> =>
  post(`/${operation}`, input, signal);

const maxTags = 50;

/** What is to be set and what to be removed, to make tags others. */
function difference(before: Record<string, string>, after: Record<string, string>) {
  return {
    removed: Object.keys(before).filter((key) => !Object.hasOwn(after, key)),
    set: Object.entries(after).filter(([key, value]) => !Object.hasOwn(before, key) || before[key] !== value),
  };
}

/** The lines of the AWS CLI that do what {@link changeTags} does. */
export function tagLines(arn: string, before: Record<string, string>, after: Record<string, string>): string[] {
  const { set, removed } = difference(before, after);
  return [
    ...(set.length > 0 ? [cli('TagResource', { resourceArn: arn, tags: Object.fromEntries(set) })] : []),
    ...(removed.length > 0 ? [cli('UntagResource', { resourceArn: arn, tagKeys: removed })] : []),
  ];
}

/**
 * Makes the tags of a resource those given. Tags are set before others are removed, so that
 * none is lost where the first is refused, unless the resource would have too many meanwhile.
 */
export async function changeTags(arn: string, before: Record<string, string>, after: Record<string, string>): Promise<void> {
  const path = `/tags/${encodeURIComponent(arn)}`;
  const { set, removed } = difference(before, after);
  const steps = [
    async () => set.length > 0 && post(path, { tags: Object.fromEntries(set) }),
    async () => removed.length > 0 && send(`${path}?${removed.map((key) => `tagKeys=${encodeURIComponent(key)}`).join('&')}`, { method: 'DELETE' }),
  ];
  if (Object.keys({ ...before, ...after }).length > maxTags) steps.reverse();
  for (const step of steps) await step();
}
