// The package as npm packs it: whoever installs it has no repository around it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

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
  const readme = readFileSync(inside('README.md'), 'utf8');
  const size = gzipSync(readFileSync(inside(exports['./rostrum.js'])), { level: 9 }).length; // bytes
  assert.ok(size <= 30_000 && readme.includes(`is ${Math.ceil(size / 1000)} KB compressed`), `the script has ${size} bytes compressed`);
  for (const [, link] of readme.matchAll(/\]\(([^):]+)\)/g)) assert.ok(existsSync(inside(link)), `the README leads to ${link}, which is missing`);

  mkdirSync(inside('node_modules'));
  symlinkSync(join(source, 'node_modules/react'), inside('node_modules/react'), 'junction');
  const [sdk, react] = await Promise.all([exports['.'], exports['./react']].map((e) => import(pathToFileURL(inside(e.default)).href)));
  assert.deepEqual([typeof sdk.Stage, sdk.default.Stage, typeof react.useStage], ['function', sdk.Stage, 'function']);
});
