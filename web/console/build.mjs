// Builds the console into internal/web/console, which the server embeds, so that it builds
// without Node.js; --check tells whether that copy is up to date.
//
//   node build.mjs            builds the server's copy
//   node build.mjs --check    compares the server's copy with the sources
//   node build.mjs --tests    builds the unit tests

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'vite';

process.chdir(import.meta.dirname ?? new URL('.', import.meta.url).pathname);

const served = '../../internal/web/console';

/** The files below a folder, with their content. */
const read = (folder) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .map((path) => [path.slice(folder.length), readFileSync(path, 'utf8')]),
  );

/** Builds the pages into a new folder. */
async function pages() {
  const outDir = mkdtempSync(join(tmpdir(), 'rostrum-console-'));
  await build({ logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  return outDir;
}

if (process.argv.includes('--tests')) {
  const tests = readdirSync('src', { recursive: true }).filter((name) => name.endsWith('.test.ts'));
  const input = Object.fromEntries(tests.map((name) => [name.replaceAll('/', '-').replace('.ts', ''), join('src', name)]));
  await build({ logLevel: 'warn', build: { ssr: true, outDir: 'dist/tests', emptyOutDir: true, rolldownOptions: { input, output: { entryFileNames: '[name].mjs' } } } });
} else {
  const made = await pages();
  const [now, before] = [read(made), read(served)];
  if (process.argv.includes('--check')) {
    const stale = [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((name) => now[name] !== before[name]);
    for (const name of stale) console.error(`internal/web/console${name} is stale: run make console`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    rmSync(served, { recursive: true, force: true });
    cpSync(made, served, { recursive: true });
  }
  rmSync(made, { recursive: true });
}
