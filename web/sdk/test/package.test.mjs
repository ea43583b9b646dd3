// The package as npm packs it: whoever installs it has no repository around it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const source = fileURLToPath(new URL('..', import.meta.url));

test('the package has all that it names, and both of its modules are imported', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rostrum-sdk-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', folder], { cwd: source, encoding: 'utf8' });
  execFileSync('tar', ['-xzf', join(folder, JSON.parse(packed)[0].filename), '-C', folder]);
  const inside = (path) => join(folder, 'package', path);
  const { exports, types } = JSON.parse(readFileSync(inside('package.json'), 'utf8'));
  const named = Object.values(exports).flatMap((e) => (typeof e === 'string' ? e : Object.values(e)));
  for (const path of [types, ...named]) assert.ok(existsSync(inside(path)), `${path} is missing`);
  assert.equal(readFileSync(inside('LICENSE'), 'utf8'), readFileSync(join(source, '../../LICENSE'), 'utf8'));
  for (const [, link] of readFileSync(inside('README.md'), 'utf8').matchAll(/\]\(([^):]+)\)/g)) assert.ok(existsSync(inside(link)), `the README leads to ${link}, which is missing`);

  mkdirSync(inside('node_modules'));
  symlinkSync(join(source, 'node_modules/react'), inside('node_modules/react'), 'junction');
  const [sdk, react] = await Promise.all([exports['.'], exports['./react']].map((e) => import(pathToFileURL(inside(e.default)).href)));
  assert.deepEqual([typeof sdk.Stage, sdk.default.Stage, typeof react.useStage], ['function', sdk.Stage, 'function']);
});
