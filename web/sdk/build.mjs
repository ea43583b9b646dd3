// Builds the package: dist/rostrum.mjs for import, dist/rostrum.js as a script that
// defines the global Rostrum, and their types. The server carries a copy of the script,
// so that it builds without Node.js; --check tells whether that is up to date.
//
//   node build.mjs            builds the package and the server's copy
//   node build.mjs --check    compares the server's copy with the sources
//   node build.mjs --tests    builds the unit tests

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

import { build } from 'esbuild';

process.chdir(import.meta.dirname ?? new URL('.', import.meta.url).pathname);
const served = '../../internal/web/sdk/rostrum.js';
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const common = { bundle: true, target: 'es2022', define: { VERSION: JSON.stringify(version) }, logLevel: 'warning', charset: 'utf8' };

/** Gives an import that ends in ?source as the text of the compiled module. */
const source = {
  name: 'source',
  setup({ onResolve, onLoad, esbuild }) {
    onResolve({ filter: /\?source$/ }, ({ path, resolveDir }) => ({ path: `${resolveDir}/${path.replace('?source', '')}`, namespace: 'source' }));
    onLoad({ filter: /.*/, namespace: 'source' }, async ({ path }) => {
      const { outputFiles } = await esbuild.build({ ...common, entryPoints: [path], minify: true, format: 'iife', write: false });
      return { contents: outputFiles[0].text.trim(), loader: 'text' };
    });
  },
};

const bundle = (options) => build({ ...common, plugins: [source], ...options });
const banner = { js: '// Rostrum SDK: built by web/sdk from its sources; DO NOT EDIT.' };
const script = async () => {
  const { outputFiles } = await bundle({ entryPoints: ['src/index.ts'], format: 'iife', globalName: 'Rostrum', minify: true, banner, write: false });
  return outputFiles[0].text;
};

if (process.argv.includes('--tests')) {
  rmSync('dist/tests', { recursive: true, force: true });
  const entryPoints = readdirSync('src').filter((name) => name.endsWith('.test.ts')).map((name) => `src/${name}`);
  await bundle({ entryPoints, format: 'esm', platform: 'node', outdir: 'dist/tests', outExtension: { '.js': '.mjs' }, sourcemap: 'inline' });
} else if (process.argv.includes('--check')) {
  if (readFileSync(served, 'utf8') !== (await script())) {
    console.error('internal/web/sdk/rostrum.js is stale: run make sdk');
    process.exit(1);
  }
} else {
  rmSync('dist', { recursive: true, force: true });
  await bundle({ entryPoints: ['src/index.ts'], format: 'esm', outfile: 'dist/rostrum.mjs', banner });
  const text = await script();
  writeFileSync('dist/rostrum.js', text);
  writeFileSync(served, text);
  execFileSync('node_modules/.bin/tsc', ['--project', 'tsconfig.build.json'], { stdio: 'inherit' });
}
