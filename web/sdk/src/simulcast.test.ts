import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SimulcastLayerPresets, encodingsOf, layersOf, scaleOf } from './simulcast.ts';

const hd = { width: 1280, height: 720 };

test('without simulcast there is one encoding', () => {
  assert.deepEqual(encodingsOf({ maxVideoBitrateKbps: 1200, maxFramerate: 24 }, hd), [{ maxBitrate: 1_200_000, maxFramerate: 24 }]);
  assert.equal(encodingsOf({ maxBitrate: 600 }, hd)[0]!.maxBitrate, 600_000, 'its former name');
});

test('simulcast has the presets, or the layers of the application, the best first', () => {
  const { DEFAULT_720, DEFAULT_360, DEFAULT_180 } = SimulcastLayerPresets;
  const presets = encodingsOf({ simulcast: { enabled: true } }, hd);
  assert.deepEqual(presets.map(({ rid, maxBitrate, scaleResolutionDownBy }) => [rid, maxBitrate, scaleResolutionDownBy]), [
    ['hi', 2_500_000, 1],
    ['mid', 900_000, 2],
    ['low', 350_000, 4],
  ]);
  assert.deepEqual(layersOf({ simulcast: { enabled: true, layers: [DEFAULT_180, DEFAULT_720] } }), [DEFAULT_720, DEFAULT_180]);
  assert.deepEqual(layersOf({ simulcast: { enabled: true, layers: [] } }), [DEFAULT_720, DEFAULT_360, DEFAULT_180]);
});

test('too low a bitrate leaves one encoding', () => {
  assert.equal(encodingsOf({ simulcast: { enabled: true }, maxVideoBitrateKbps: 899 }, hd).length, 1);
  assert.deepEqual(encodingsOf({ simulcast: { enabled: true }, maxVideoBitrateKbps: 1500 }, hd).map(({ maxBitrate }) => maxBitrate), [1_500_000, 900_000, 350_000]);
});

test('no layer has more than the bitrate of the stream', () => {
  const { DEFAULT_720, DEFAULT_540, DEFAULT_180 } = SimulcastLayerPresets;
  const layers = layersOf({ maxVideoBitrateKbps: 1000, simulcast: { enabled: true, layers: [DEFAULT_720, DEFAULT_540, DEFAULT_180] } });
  assert.deepEqual(layers.map(({ maxBitrateKbps }) => maxBitrateKbps), [1000, 1000, 350]);
});

test('a layer fits pictures of every shape, and enlarges none', () => {
  const layer = { width: 640, height: 360 };
  assert.equal(scaleOf(layer, hd), 2);
  assert.equal(scaleOf(layer, { width: 720, height: 1280 }), 2);
  assert.equal(scaleOf(layer, { width: 640, height: 480 }), 480 / 360);
  assert.equal(scaleOf(layer, { width: 320, height: 180 }), 1);
});
