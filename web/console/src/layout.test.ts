import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultLayout, layoutOf, layoutProblem, participantsOf } from './layout.ts';

test('what is as by default is left out', () => {
  assert.deepEqual(layoutOf(defaultLayout), { grid: {} });
  assert.deepEqual(layoutOf({ ...defaultLayout, kind: 'pip' }), { pip: {} });
});

test('a layout has the parameters of its kind', () => {
  const all = { ...defaultLayout, featured: 'f', order: 'o', omitStopped: true, gap: '0', fill: 'CONTAIN', aspect: 'SQUARE', window: 'w', behavior: 'DYNAMIC', position: 'TOP_LEFT', offset: '7', width: '320', height: '180' } as const;
  const common = { featuredParticipantAttribute: 'f', participantOrderAttribute: 'o', omitStoppedVideo: true, gridGap: 0, videoFillMode: 'CONTAIN' };
  assert.deepEqual(layoutOf(all), { grid: { ...common, videoAspectRatio: 'SQUARE' } });
  assert.deepEqual(layoutOf({ ...all, kind: 'pip' }), { pip: { ...common, pipParticipantAttribute: 'w', pipBehavior: 'DYNAMIC', pipPosition: 'TOP_LEFT', pipOffset: 7, pipWidth: 320, pipHeight: 180 } });
});

test('a layout is held to the limits of its kind', () => {
  assert.equal(layoutProblem(defaultLayout), undefined);
  for (const wrong of [{ featured: 'a b' }, { gap: '-1' }, { order: '<' }]) assert.ok(layoutProblem({ ...defaultLayout, ...wrong }));
  assert.equal(layoutProblem({ ...defaultLayout, width: '0' }), undefined);
  assert.ok(layoutProblem({ ...defaultLayout, kind: 'pip', width: '0' }));
});

test('a sample has those whom the attributes choose', () => {
  const pip = { ...defaultLayout, kind: 'pip', featured: 'host', window: 'speaker', order: 'n' } as const;
  const all = participantsOf(pip, { count: '3', upright: true, stopped: true });
  assert.deepEqual(all.map((p) => p.attributes), [{ host: 'true', n: '3' }, { speaker: 'true', n: '2' }, { n: '1' }]);
  assert.deepEqual(all.map((p) => [p.picture.width, p.stopped]), [[1280, false], [720, false], [1280, true]]);
  for (const count of ['', '-1', '51', 'x']) assert.deepEqual(participantsOf(pip, { count, upright: false, stopped: false }), []);
});
