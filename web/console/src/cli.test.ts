import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cli, cliLine } from './api/cli.ts';
import { tagLines } from './api/client.ts';

test('an operation becomes a line of the AWS CLI', () => {
  assert.equal(
    cliLine('CreateParticipantToken', { stageArn: 'arn:aws:ivs:eu-west-1:1:stage/x', duration: 60, capabilities: ['PUBLISH', 'SUBSCRIBE'], userId: undefined, attributes: { name: "O'Hara; rm -rf" } }),
    `aws ivs-realtime create-participant-token --stage-arn arn:aws:ivs:eu-west-1:1:stage/x --duration 60 --capabilities PUBLISH SUBSCRIBE --attributes '{"name":"O'\\''Hara; rm -rf"}'`,
  );
});

test('a value is not taken for an option', () => assert.equal(cli('CreateStage', { name: '-x' }), 'aws ivs-realtime create-stage --name=-x'));

test('long JSON is in a file', () => {
  const layout = { grid: { featuredParticipantAttribute: 'x'.repeat(200) } };
  assert.equal(
    cli('StartComposition', { stageArn: 'arn', layout }),
    `cat > layout.json <<'EOF'\n${JSON.stringify(layout, null, 2)}\nEOF\naws ivs-realtime start-composition --stage-arn arn --layout file://layout.json`,
  );
});

test('a change of tags has a line for what is set and one for what is removed', () => {
  assert.deepEqual(tagLines('arn', { a: '1', b: '2' }, { a: '3' }), ['aws ivs-realtime tag-resource --resource-arn arn --tags \'{"a":"3"}\'', 'aws ivs-realtime untag-resource --resource-arn arn --tag-keys b']);
  assert.deepEqual(tagLines('arn', { a: '1' }, { a: '1' }), []);
});

test('operations of channels are of another service', () => {
  for (const name of ['CreateChannel', 'ListChannels', 'GetStream', 'ListStreams', 'StopStream', 'DeleteStreamKey', 'ListStreamKeys']) assert.match(cli(name, {}), /^aws ivs [a-z]/);
  for (const name of ['CreateStage', 'GetStageSession', 'ListIngestConfigurations']) assert.match(cli(name, {}), /^aws ivs-realtime /);
});

test('booleans are flags, and what is empty is left out', () => {
  assert.equal(cli('ListParticipants', { filterByPublished: true, sessionId: '' }), 'aws ivs-realtime list-participants --filter-by-published');
});
