// Builds the package: dist/rostrum.mjs for import, dist/react.mjs with hooks for React,
// dist/rostrum.js as a script that defines the global IVSBroadcastClient, and their types; and from
// web/stage the script of the stage page, which uses that global. The server carries copies
// of both scripts, so that it builds without Node.js; --check tells whether they are up to
// date.
//
//   node build.mjs            builds the package and the server's copies
//   node build.mjs --check    compares the server's copies with the sources
//   node build.mjs --tests    builds the package and the unit tests

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

import { build } from 'esbuild';

process.chdir(import.meta.dirname ?? new URL('.', import.meta.url).pathname);
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

/** Takes the SDK from the script that the page has loaded. */
const sdkGlobal = {
  name: 'sdk-global',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^rostrum-sdk$/ }, () => ({ path: 'rostrum-sdk', namespace: 'global' }));
    onLoad({ filter: /.*/, namespace: 'global' }, () => ({ contents: 'module.exports = IVSBroadcastClient;', loader: 'js' }));
  },
};

/** Leaves the package itself out of its second entry point. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/index\.ts$/ }, () => ({ path: './rostrum.mjs', external: true }));
  },
};

const bundle = ({ plugins = [], ...options }) => build({ ...common, plugins: [source, ...plugins], ...options });
const banner = { js: '// Rostrum SDK: built by web/sdk from its sources; DO NOT EDIT.' };
const script = async () => {
  const { outputFiles } = await bundle({ entryPoints: ['src/index.ts'], format: 'iife', globalName: 'IVSBroadcastClient', minify: true, banner, write: false });
  return outputFiles[0].text;
};
const page = async () => {
  const js = '// The stage page: built by web/sdk from web/stage; DO NOT EDIT.';
  const { outputFiles } = await build({ ...common, plugins: [sdkGlobal], entryPoints: ['../stage/src/page.ts'], format: 'iife', banner: { js }, write: false });
  return outputFiles[0].text;
};

/** The server's copies, by their paths. */
const served = { 'internal/web/sdk/rostrum.js': script, 'internal/web/stage/page.js': page };

async function buildPackage() {
  rmSync('dist', { recursive: true, force: true });
  await bundle({ entryPoints: ['src/index.ts'], format: 'esm', outfile: 'dist/rostrum.mjs', banner });
  await bundle({ entryPoints: ['src/react.ts'], format: 'esm', outfile: 'dist/react.mjs', banner, external: ['react'], plugins: [apart] });
  writeFileSync('dist/rostrum.js', await script());
  execFileSync('node_modules/.bin/tsc', ['--project', 'tsconfig.build.json'], { stdio: 'inherit' });
}

if (process.argv.includes('--tests')) {
  await buildPackage();
  const tests = (folder) => readdirSync(folder).filter((name) => name.endsWith('.test.ts')).map((name) => [`${folder === 'src' ? 'sdk' : 'stage'}-${name.replace('.ts', '')}`, `${folder}/${name}`]);
  const entryPoints = Object.fromEntries([...tests('src'), ...tests('../stage/src')]);
  await bundle({ entryPoints, format: 'esm', platform: 'node', packages: 'external', outdir: 'dist/tests', outExtension: { '.js': '.mjs' }, sourcemap: 'inline' });
} else if (process.argv.includes('--check')) {
  for (const [path, made] of Object.entries(served)) {
    if (readFileSync(`../../${path}`, 'utf8') === (await made())) continue;
    console.error(`${path} is stale: run make sdk`);
    process.exitCode = 1;
  }
} else {
  await buildPackage();
  for (const [path, made] of Object.entries(served)) writeFileSync(`../../${path}`, await made());
}
