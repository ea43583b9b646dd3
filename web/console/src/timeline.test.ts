import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Event } from './api/operations.ts';
import { together } from './timeline.ts';

test('events and what happened to media are in the order of time', () => {
  const events = [
    { name: 'JOINED', participantId: 'a', eventTime: '2026-07-01T14:03:00Z' },
    { name: 'PUBLISH_ERROR', participantId: 'a', eventTime: '2026-07-01T14:03:20Z', errorCode: 'BITRATE_EXCEEDED' },
    { name: 'LEFT', participantId: 'a' },
  ] as Event[];
  const cause = { code: 'downlink-loss', direction: 'received', score: 0.8, detail: 'The network lost packets.' } as const;
  const entries = [
    { at: '2026-07-01T14:03:05.5Z', kind: 'freeze', durationMs: 4000, text: 'The video froze for 4.0 s', cause },
    { at: '2026-07-01T14:03:01Z', kind: 'layer', publisherId: 'b', text: 'The layer hi flows' },
  ];
  const got = together(events, entries).map(({ at, ...rest }) => ({ second: at / 1000 - Date.parse('2026-07-01T14:03:00Z') / 1000, ...rest }));
  assert.deepEqual(got, [
    { second: 0, kind: 'success', title: 'Joined' },
    { second: 1, kind: 'info', title: 'The layer hi flows', participantId: 'b' },
    { second: 5.5, kind: 'error', title: 'The video froze for 4.0 s', cause: 'The network lost packets.' },
    { second: 20, kind: 'error', title: 'Publish error', detail: 'Bitrate exceeded' },
  ]);
});
