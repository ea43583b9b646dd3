import type { Event } from './api/operations.ts';
import type { Entry } from './api/quality.ts';
import { words } from './format.ts';

/** One line of a timeline: an event of the API, or what happened to media. */
export interface Happening {
  at: number; // ms since 1970
  kind: 'error' | 'success' | 'info';
  title: string;
  participantId?: string; // who it is about
  detail?: string;
  cause?: string;
}

const kindOf = (name = ''): Happening['kind'] => (name.endsWith('ERROR') ? 'error' : /JOINED|STARTED/.test(name) ? 'success' : 'info');
const bad = new Set(['freeze', 'keyframe-wait', 'lost', 'socket-lost', 'paused']);

/** All that happened, in the order of time. */
export function together(events: Event[], entries: Entry[]): Happening[] {
  const all = [...events.flatMap(ofEvent), ...entries.map(ofEntry)];
  return all.sort((a, b) => a.at - b.at);
}

function ofEvent(e: Event): Happening[] {
  if (!e.eventTime) return [];
  const detail = [e.errorCode && words(e.errorCode), e.destinationStageArn && `to ${e.destinationStageArn}`].filter(Boolean).join(', ');
  return [{ at: Date.parse(e.eventTime), kind: kindOf(e.name), title: words(e.name), ...(e.remoteParticipantId && { participantId: e.remoteParticipantId }), ...(detail && { detail }) }];
}

function ofEntry(e: Entry): Happening {
  const kind = bad.has(e.kind) ? 'error' : e.kind === 'reconnected' ? 'success' : 'info';
  return { at: Date.parse(e.at), kind, title: e.text, ...(e.publisherId && { participantId: e.publisherId }), ...(e.cause && { cause: e.cause.detail }) };
}
