import assert from 'node:assert/strict';
import { test } from 'node:test';

import { recordingMatches, recordingPath, type RecordingSummary, stateOf } from './recordings.ts';

const recording = (startedAt: string, status = 'RECORDING_ENDED'): RecordingSummary => ({ recording: 'b/p', prefix: 'p', status, startedAt, durationMs: 1 });

test('a filter takes recordings of whole days', () => {
  const matches = recordingMatches({ state: '', from: '2026-03-28', to: '2026-03-29' })!;
  const at = (text: string) => recording(new Date(text).toISOString());
  for (const inside of ['2026-03-28T00:00:00', '2026-03-29T23:59:59']) assert.ok(matches(at(inside)), inside);
  for (const outside of ['2026-03-27T23:59:59', '2026-03-30T00:00:00']) assert.ok(!matches(at(outside)), outside);
  assert.ok(!matches({ ...recording(''), startedAt: undefined }));
  assert.ok(recordingMatches({ state: '', from: '2026-03-28', to: '' })!(at('2027-01-01T00:00:00')));
  assert.equal(recordingMatches({ state: '', from: '', to: '' }), undefined);
});

test('a filter takes recordings of one state', () => {
  const failed = recordingMatches({ state: 'FAILED', from: '', to: '' })!;
  assert.ok(failed(recording('', 'RECORDING_START_FAILED')) && failed(recording('', 'RECORDING_ENDED_WITH_FAILURE')));
  assert.ok(!failed(recording('')));
});

test('states are those of the API', () => {
  for (const [status, state] of [['RECORDING_STARTED', 'ACTIVE'], ['RECORDING_ENDED', 'STOPPED'], ['RECORDING_START_FAILED', 'FAILED'], ['', 'UNKNOWN']]) assert.equal(stateOf({ status: status! }), state);
});

test('the prefix of a recording is one part of its path', () => assert.equal(recordingPath('s', 'a/b c/<d>'), '/recordings/s/a%2Fb%20c%2F%3Cd%3E'));
