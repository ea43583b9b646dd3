import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cli, cliLine } from './api/cli.ts';

test('an operation becomes a line of the AWS CLI', () => {
  assert.equal(
    cliLine('CreateParticipantToken', { stageArn: 'arn:aws:ivs:eu-west-1:1:stage/x', duration: 60, capabilities: ['PUBLISH', 'SUBSCRIBE'], userId: undefined, attributes: { name: "O'Hara; rm -rf" } }),
    `aws ivs-realtime create-participant-token --stage-arn arn:aws:ivs:eu-west-1:1:stage/x --duration 60 --capabilities PUBLISH SUBSCRIBE --attributes '{"name":"O'\\''Hara; rm -rf"}'`,
  );
});

test('a value is not taken for an option', () => assert.equal(cli('CreateStage', { name: '-x' }), 'aws ivs-realtime create-stage --name=-x'));

test('booleans are flags, and what is empty is left out', () => {
  assert.equal(cli('ListParticipants', { filterByPublished: true, sessionId: '' }), 'aws ivs-realtime list-participants --filter-by-published');
});
