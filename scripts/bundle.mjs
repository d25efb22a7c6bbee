/**
 * Makes what a package is loaded from: its sources and the libraries that it owns in a few files under dist/. A start of a
 * service is mostly the loading of modules, and this is a quarter of it (docs/adr/packages-are-bundled.md). Run in the
 * package's folder, after tsc has written the declarations.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** What a package is entered by, as files of src/: a command has a bin, a service a main. */
const ENTRIES = existsSync('src/bin.ts') ? ['index', 'bin'] : ['index', 'main'];
/**
 * ms that what an earlier build wrote is kept: a process that runs from it may still load a part on first use. The names of
 * parts tell what is in them.
 */
const KEPT_MS = 86_400_000;

/**
 * What our own sources import from where it is installed, and why. What a library imports comes with the library, in the version
 * that it wants.
 */
const LEFT_WHERE_IT_IS = [
  // There is one of each of ours in a process, which tools of one's own import too.
  /^@countersign\//,
  // Tools of one's own bring schemas of it.
  /^zod(\/|$)/,
  // It patches Node's modules, and its parts find each other by where they are.
  /^@opentelemetry\//,
  // It reads its pages from its own folder.
  /^@bull-board\//,
];

const dist = join(process.cwd(), 'dist');
const input = Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`]).filter(([, path]) => existsSync(path)));

const bundle = await rolldown({
  input,
  platform: 'node',
  external: (id, importer = '') => !/[\\/]node_modules[\\/]/.test(importer) && LEFT_WHERE_IT_IS.some((left) => left.test(id)),
  onLog(level, log) {
    if (level !== 'info' && level !== 'debug') throw new Error(`${log.code}: ${log.message}`);
  },
});
const { output } = await bundle.write({ dir: dist, sourcemap: true, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();

const written = new Set(output.map(({ fileName }) => join(dist, fileName)));
const stale = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .map((name) => join(dist, name))
  .filter((path) => /\.js(\.map)?$/.test(path) && !written.has(path) && Date.now() - statSync(path).mtimeMs > KEPT_MS);
for (const path of stale) rmSync(path);
