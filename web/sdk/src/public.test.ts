// The values of the public names, as the reference of the service's web SDK has them:
// versions 1.32 to 1.41, those of subscriptions and publications 1.15.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import everything, * as named from './index.ts';

const values = {
  InitialLayerPreference: { HIGHEST_QUALITY: 'highest_quality', LOWEST_QUALITY: 'lowest_quality' },
  JitterBufferMinDelay: { DEFAULT: 'default', HIGH: 'high', LOW: 'low', MEDIUM: 'medium' },
  NetworkQuality: { DOWN: 0, POOR: 1, NORMAL: 2, GOOD: 3, EXCELLENT: 4 },
  RealTimeConnectionErrorCode: { CONNECTION_TOKEN_INVALID: 1053, CONNECTION_TOKEN_EXPIRED: 1054, CONNECTION_FAILED: 1306, CONNECTION_NOT_RECOGNIZED: 1312 },
  RealTimeConnectionState: { CONNECTED: 'connected', CONNECTING: 'connecting', DISCONNECTED: 'disconnected' },
  RemoteStageStreamEvents: { ADAPTION_CHANGED: 'ADAPTION_CHANGED', LAYERS_CHANGED: 'LAYERS_CHANGED', LAYER_SELECTED: 'LAYER_SELECTED' },
  StageConnectionState: { CONNECTED: 'connected', CONNECTING: 'connecting', DISCONNECTED: 'disconnected', ERRORED: 'errored' },
  StageErrorCategory: { JOIN_ERROR: 'JOIN_ERROR', PUBLISH_ERROR: 'PUBLISH_ERROR', SUBSCRIBE_ERROR: 'SUBSCRIBE_ERROR' },
  StageErrorCode: {
    TOKEN_MALFORMED: 1, TOKEN_EXPIRED: 2, TIMEOUT: 3, FAILED: 4, CANCELED: 5, STAGE_AT_CAPACITY: 6, CODEC_MISMATCH: 7, TOKEN_NOT_ALLOWED: 8, STAGE_DELETED: 9, PARTICIPANT_DISCONNECTED: 10,
  },
  StageLeftReason: {
    FAILED_EXCHANGE: 'failed-exchange', PARTICIPANT_DISCONNECTED: 'participant-disconnected', STAGE_DELETED: 'stage-deleted', TOKEN_REUSED: 'token-reused', UNKNOWN: 'unknown',
    USER_INITIATED: 'user-initiated', REAL_TIME_CONNECTION_FORCED_LEAVE: 'real-time-connection-forced-leave', REAL_TIME_CONNECTION_TOKEN_REVOCATION: 'real-time-connection-token-revocation',
  },
  StageParticipantPublishState: { ATTEMPTING_PUBLISH: 'attempting_publish', ERRORED: 'errored', NOT_PUBLISHED: 'not_published', PUBLISHED: 'published' },
  StageParticipantSubscribeState: { ATTEMPTING_SUBSCRIBE: 'attempting_subscribe', ERRORED: 'errored', NOT_SUBSCRIBED: 'not_subscribed', SUBSCRIBED: 'subscribed' },
  StageStreamLayerSelectedReason: { SELECTED: 'selected', UNAVAILABLE: 'unavailable' },
} as const;

test('enumerations have the members and values of the reference', () => {
  for (const [name, expected] of Object.entries(values)) {
    const actual = named[name as keyof typeof values] as Record<string, string | number>;
    const members = Object.fromEntries(Object.entries(actual).filter(([key]) => !/^\d/.test(key))); // without the names of numbers
    assert.deepEqual(members, expected, name);
  }
});

test('events of the stage have the values of the reference', () => {
  const events: Record<string, string> = named.StageEvents;
  for (const name of [
    'STAGE_CONNECTION_STATE_CHANGED', 'STAGE_LEFT', 'STAGE_PARTICIPANT_JOINED', 'STAGE_PARTICIPANT_LEFT', 'STAGE_PARTICIPANT_METADATA_CHANGED',
    'STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED', 'STAGE_PARTICIPANT_STREAMS_ADDED', 'STAGE_PARTICIPANT_STREAMS_REMOVED', 'STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED',
  ]) {
    assert.equal(events[name], name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()));
  }
  assert.equal(events['ERROR'], 'error');
});

test('the default export has all names', () => {
  const { default: _, ...all } = named;
  assert.deepEqual({ ...everything }, all);
});
