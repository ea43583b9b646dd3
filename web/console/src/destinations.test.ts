import assert from 'node:assert/strict';
import { test } from 'node:test';

import { destinationsOf, destinationsProblem, noDestinations } from './destinations.ts';

const both = { ...noDestinations, channel: true, channelArn: 'c', storage: true, storageArn: 's', storageEncoder: 'e' };

test('a composition goes to a channel, into a bucket, or both', () => {
  assert.deepEqual(destinationsOf(both), [{ channel: { channelArn: 'c' } }, { s3: { storageConfigurationArn: 's', encoderConfigurationArns: ['e'] } }]);
  assert.deepEqual(destinationsOf({ ...both, storage: false, channelEncoder: 'e' }), [{ channel: { channelArn: 'c', encoderConfigurationArn: 'e' } }]);
});

test('a recording has segments and thumbnails as chosen', () => {
  const [, recording] = destinationsOf({ ...both, segment: '4', thumbnails: true, interval: '10', thumbnailStorage: ['SEQUENTIAL', 'LATEST'] });
  assert.deepEqual(recording!.s3, {
    storageConfigurationArn: 's',
    encoderConfigurationArns: ['e'],
    recordingConfiguration: { hlsConfiguration: { targetSegmentDurationSeconds: 4 } },
    thumbnailConfigurations: [{ storage: ['SEQUENTIAL', 'LATEST'], targetIntervalSeconds: 10 }],
  });
});

test('what is missing is told', () => {
  assert.equal(destinationsProblem(both), undefined);
  const wrong = [noDestinations, { ...both, channelArn: '' }, { ...both, storageArn: '' }, { ...both, storageEncoder: '' }, { ...both, segment: '11' }, { ...both, thumbnails: true, interval: '0' }, { ...both, thumbnails: true, thumbnailStorage: [] }];
  for (const form of wrong) assert.ok(destinationsProblem(form));
});
