// What the server tells of recordings. They are files in buckets, and no resources of the API.
import { get, post } from './api/client.ts';
import type { Page } from './api/search.ts';

export interface RecordingSummary {
  recording: string; // bucket and prefix
  prefix: string;
  stageArn?: string;
  sessionId?: string;
  participantId?: string; // empty for a composition's
  status: string;
  message?: string;
  startedAt?: string;
  endedAt?: string;
  durationMs: number;
}

export interface RecordingFile {
  name: string;
  size: number;
}

export interface Recording extends Omit<RecordingSummary, 'prefix'> {
  files: number;
  bytes: number;
  listed: RecordingFile[]; // the first of the files
  playlist: string; // its address; empty where there are no media
  base: string; // the address of a file is base, its name and query
  query: string;
  expires: string;
}

export interface Report {
  segments: number;
  sections: number;
  mediaMs: number;
  gapsMs: number;
  problems: { file: string; problem: string }[];
}

const address = (what: string, parameters: Record<string, string | undefined>): string =>
  `/console/data/${what}?${new URLSearchParams(Object.entries(parameters).filter((p): p is [string, string] => !!p[1]))}`;

export async function listRecordings(storage: string, below: string, nextToken: string | undefined, signal: AbortSignal): Promise<Page<RecordingSummary>> {
  const page = await get<{ recordings: RecordingSummary[]; nextToken?: string }>(address('recordings', { storage, below, nextToken }), signal);
  return { items: page.recordings, nextToken: page.nextToken };
}

export const readRecording = (storage: string, prefix: string, signal: AbortSignal): Promise<Recording> => get(address('recording', { storage, prefix }), signal);

export const verifyRecording = (storage: string, prefix: string): Promise<Report> => post(address('recording/verify', { storage, prefix }), {});

/** The path of the page of a recording, in the bucket of a storage configuration. */
export const recordingPath = (storageId: string, prefix: string): string => `/recordings/${storageId}/${encodeURIComponent(prefix)}`;

/** States as they are told, by those of the files under events/. */
export type RecordingState = 'ACTIVE' | 'STOPPED' | 'FAILED' | 'UNKNOWN';

export function stateOf({ status, endedAt }: Pick<RecordingSummary, 'status' | 'endedAt'>): RecordingState {
  if (status === 'RECORDING_STARTED') return endedAt ? 'STOPPED' : 'ACTIVE';
  if (status === 'RECORDING_ENDED') return 'STOPPED';
  return status.includes('FAIL') ? 'FAILED' : 'UNKNOWN';
}

export interface RecordingFilter {
  state: string; // empty for all
  from: string; // a day as YYYY-MM-DD, or empty
  to: string;
}

/** What a filter takes of recordings: those that started in its days, of the browser's time zone. Undefined is all. */
export function recordingMatches({ state, from, to }: RecordingFilter): ((r: RecordingSummary) => boolean) | undefined {
  if (!state && !from && !to) return;
  const begin = from ? new Date(`${from}T00:00:00`).getTime() : -Infinity;
  const end = to ? new Date(`${to}T00:00:00`).setHours(24) : Infinity;
  return (r) => {
    const started = r.startedAt ? Date.parse(r.startedAt) : NaN;
    const inDays = (!from && !to) || (started >= begin && started < end);
    return inDays && (!state || stateOf(r) === state);
  };
}

/** A duration in ms as people read it. */
export const durationOf = (r: Pick<RecordingSummary, 'durationMs' | 'startedAt' | 'endedAt'>): string | undefined => (r.durationMs > 0 && r.startedAt ? new Date(Date.parse(r.startedAt) + r.durationMs).toISOString() : r.endedAt);
