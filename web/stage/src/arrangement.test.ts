import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Rect, grid, spotlight } from './arrangement.ts';

const spaces = [[1600, 800], [1000, 1200], [370, 640], [690, 330], [300, 440]].map(([width, height]) => ({ width: width!, height: height!, gap: 10, caption: 38, ratio: 16 / 9 }));

const overlap = (a: Rect, b: Rect): boolean => a.x < b.x + b.width - 0.01 && b.x < a.x + a.width - 0.01 && a.y < b.y + b.height - 0.01 && b.y < a.y + a.height - 0.01;

for (const space of spaces) {
  for (const count of [1, 2, 3, 4, 7, 12, 25]) {
    for (const [name, rects] of [['grid', grid(count, space)], ['spotlight', spotlight(count, count - 1, space)]] as const) {
      test(`a ${name} of ${count} in ${space.width}x${space.height} has all tiles apart, none beyond an edge but below`, () => {
        assert.equal(rects.length, count);
        for (const [i, rect] of rects.entries()) {
          assert.ok(rect.x >= -0.01 && rect.y >= -0.01 && rect.x + rect.width <= space.width + 0.01, JSON.stringify(rect));
          assert.ok(rect.width > 50 && Math.abs((rect.height - space.caption) * space.ratio - rect.width) < 0.01, 'the picture has its shape');
          for (const other of rects.slice(i + 1)) assert.ok(!overlap(rect, other), JSON.stringify([rect, other]));
        }
        if (count <= 4) assert.ok(rects.every(({ y, height }) => y + height <= space.height + 0.01), 'few tiles do not scroll');
      });
    }
  }
  test(`the spotlight in ${space.width}x${space.height} is the largest tile`, () => {
    const rects = spotlight(4, 2, space);
    assert.equal(Math.max(...rects.map(({ width }) => width)), rects[2]!.width);
  });
}

test('twelve tiles with a spotlight fit a window of 1280x720 without scrolling', () => {
  const space = { width: 1254, height: 590, gap: 10, caption: 38, ratio: 16 / 9 };
  const rects = spotlight(12, 0, space);
  assert.ok(rects.every(({ y, height }) => y + height <= space.height + 1), JSON.stringify(rects));
  assert.ok(rects[0]!.width > 0.55 * space.width);
});
