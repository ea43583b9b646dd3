// What the console's own requests answer for those who administer keys or run the server.
import { get, post, send } from './client.ts';

export interface Key {
  accessKeyId: string;
  secretAccessKey?: string; // of a new key only
  account: string;
  user: string;
  tags?: Record<string, string>;
  policies?: unknown[];
  boundedByPolicies: boolean;
  created?: string;
  expires?: string;
  revoked?: string;
}

export interface KeySettings {
  user: string;
  policies: unknown[]; // documents, or names of built-in policies
  unrestricted: boolean; // without policies
  tags: Record<string, string>;
  expires?: string;
}

export interface Verdict {
  allowed: boolean;
  decision: string;
  because: string;
  statements: { policy: number; statement: number; sid?: string; effect: string; applies: boolean; because?: string; decides: boolean }[];
}

const put = <T>(path: string, body: unknown): Promise<T> =>
  send(path, { method: 'PUT', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }).then((r) => r.json() as Promise<T>);
const key = (id: string) => `/console/data/keys/${encodeURIComponent(id)}`;

export const listKeys = (signal?: AbortSignal): Promise<{ keys: Key[] }> => get('/console/data/keys', signal);
export const createKey = (settings: KeySettings): Promise<Key> => post('/console/data/keys', settings);
export const updateKey = (id: string, settings: KeySettings): Promise<Key> => put(key(id), settings);
export const revokeKey = (id: string): Promise<Key> => post(`${key(id)}/revoke`, {});
export const deleteKey = (id: string): Promise<unknown> => send(key(id), { method: 'DELETE' });
export const explainKey = (id: string, question: { action: string; resource: string; tags?: Record<string, string> }): Promise<Verdict> => post(`${key(id)}/may`, question);
export const listActions = (signal?: AbortSignal): Promise<{ actions: string[] }> => get('/console/data/actions', signal);

export interface Target {
  name: string;
  pattern?: unknown;
  rostrumEvents?: boolean;
  disabled?: boolean;
  configured?: boolean; // in the configuration file, which alone may change it
  webhook?: { url: string; allowPrivate?: boolean };
  bus?: { name: string; region: string; endpoint?: string };
  file?: { path: string };
}

export interface TargetStatus extends Target {
  keyIds?: string[];
  secret?: string; // of a new webhook only
  state: { Behind: number; Parked: number; Dead: number; LastError: string };
}

export interface DeadDelivery {
  cursor: number;
  attempts: number;
  since: string;
  error: string;
}

const target = (name: string) => `/console/data/targets/${encodeURIComponent(name)}`;

export const listTargets = (signal?: AbortSignal): Promise<{ targets: TargetStatus[] }> => get('/console/data/targets', signal);
export const addTarget = (t: Target): Promise<TargetStatus> => post('/console/data/targets', t);
export const removeTarget = (name: string): Promise<unknown> => send(target(name), { method: 'DELETE' });
export const testTarget = (name: string): Promise<{ tookMs: number }> => post(`${target(name)}/test`, {});
export const sendEvent = (name: string, cursor: number): Promise<{ tookMs: number }> => post(`${target(name)}/send`, { cursor });
export const listDead = (name: string, signal?: AbortSignal): Promise<{ dead: DeadDelivery[] }> => get(`${target(name)}/dead`, signal);
export const redeliver = (name: string, cursor = 0): Promise<{ deliveries: number }> => post(`${target(name)}/redeliver`, { cursor });

/** Where a target is. */
export const addressOf = (t: Target): string => t.webhook?.url ?? (t.bus ? `bus ${t.bus.name} in ${t.bus.region}` : (t.file?.path ?? ''));

export interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'broken' | 'unknown';
  found: string;
  remedy?: string;
}

export interface Setting {
  key: string;
  value: string;
  from: string;
}

export interface LogLine {
  number: number;
  line: { time: string; level: string; msg: string } & Record<string, unknown>;
}

export const examine = (signal?: AbortSignal): Promise<{ findings: Finding[] }> => post('/console/data/doctor', {}, signal);
export const readSettings = (signal?: AbortSignal): Promise<{ settings: Setting[] }> => get('/console/data/settings', signal);
export const readLog = (after: number, signal?: AbortSignal): Promise<{ lines: LogLine[]; last: number }> => get(`/console/data/log?after=${after}`, signal);
