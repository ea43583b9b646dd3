import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DeviceError, DeviceFailure, StageError, StageErrorCategory, StageErrorCode, StageLeftReason } from 'rostrum-sdk';

import { describeBoth, describeDevice, describeLeft, mayPass } from './sentences.ts';

const claims = { jti: 'ann', topic: 'stage', whip_url: 'https://a.example/whip', events_url: 'wss://a.example/events' };
const { JOIN_ERROR, PUBLISH_ERROR } = StageErrorCategory;

for (const [code, title, serverCode, category] of [
  ['TOKEN_EXPIRED', 'This link has expired'],
  ['STAGE_DELETED', 'The stage was deleted'],
  ['PARTICIPANT_DISCONNECTED', 'You were removed from the stage'],
  ['FAILED', 'You joined somewhere else', 'TOKEN_REUSED'],
  ['FAILED', 'The connection was lost'],
  ['TIMEOUT', 'The connection was lost'],
  ['TOKEN_NOT_ALLOWED', 'The connection was lost', undefined, PUBLISH_ERROR],
] as const) {
  test(`a call that ends for the error ${serverCode ?? code}${category ? ' of publishing' : ''}: ${title}`, () => {
    const error = new StageError(StageErrorCode[code], category ?? JOIN_ERROR, 'The reason', serverCode);
    assert.equal(describeLeft(StageLeftReason.UNKNOWN, error, claims).title, title);
  });
}

test('the reason that the server gives for the end of a call goes before the error', () => {
  const error = new StageError(StageErrorCode.FAILED, JOIN_ERROR, 'The talk is over', 'x');
  assert.match(describeLeft(StageLeftReason.PARTICIPANT_DISCONNECTED, error, claims).text, /^The talk is over\. /);
});

test('two devices that fail for one reason take one sentence, and what can not pass is not to be tried again', () => {
  const error = (failure: DeviceFailure): DeviceError => new DeviceError(failure, 'The reason');
  for (const failure of Object.values(DeviceFailure)) {
    const both = describeBoth(error(failure), error(failure));
    if (both) assert.match(both, /camera .*microphone/i);
    assert.equal(mayPass(error(failure)), /try again|:/.test(describeDevice('camera', error(failure))) || failure === DeviceFailure.OVERCONSTRAINED, failure);
  }
  assert.equal(describeBoth(error(DeviceFailure.DENIED), error(DeviceFailure.NOT_FOUND)), undefined);
  assert.equal(describeBoth(error(DeviceFailure.DENIED), undefined), undefined);
  assert.match(describeBoth(error(DeviceFailure.DENIED), error(DeviceFailure.DENIED))!, /Allow them/);
});
