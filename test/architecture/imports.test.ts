/** The rules about imports, read from the sources: layers, owners of libraries, entries, names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCOPE = '@countersign/';

/** Imports go to a lower layer only. Services, the command and the console stand side by side and never import each other. */
const LAYERS: Record<string, number> = {
  'packages/shared': 0,
  'packages/store': 1,
  'packages/llm': 1,
  'packages/tools': 1,
  'packages/service': 1,
  'packages/client': 1,
  'packages/cli': 2,
  'services/api': 2,
  'services/planner': 2,
  'services/executor': 2,
  'services/console': 2,
  test: 3,
};

/** Libraries that have exactly one importer, with their types and companions. */
const OWNERS: Record<string, string> = {
  ioredis: 'packages/store',
  bullmq: 'packages/store',
  express: 'services/api',
  openai: 'packages/llm',
  pino: 'packages/service',
  'prom-client': 'packages/service',
  yaml: 'packages/service',
  'rate-limiter-flexible': 'packages/store',
  jose: 'services/api',
  helmet: 'services/api',
  standardwebhooks: 'services/executor',
};
const SHARED_LIBRARIES = ['zod', 'vitest'];
const KIND_NAMES = /^(utils?|helpers?|common|types?|interfaces?)$/;

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

interface Source {
  path: string;
  package: string;
  isTest: boolean;
  text: string;
  imports: string[];
}

const packages = [
  ...['packages', 'services'].flatMap((kind) => readdirSync(join(ROOT, kind)).map((name) => `${kind}/${name}`)),
  'test',
].filter((folder) => existsSync(join(ROOT, folder, 'package.json')));
const manifests = new Map(packages.map((path) => [path, JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as Manifest]));
const folderOf = new Map([...manifests].map(([folder, { name }]) => [name, folder]));

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^\s*import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].flatMap((match) => match[1] ?? []));
}

/** The files below a folder, as paths from the root. */
const filesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : filesBelow(path);
    return /\.(ts|tsx|mts|js|mjs)$/.test(entry.name) ? [path] : [];
  });

const sources: Source[] = packages.flatMap((folder) =>
  filesBelow(folder).map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const isTest = folder === 'test' || /\.test\.tsx?$/.test(path) || path.includes('/test/');
    return { path, package: folder, isTest, text, imports: importsOf(text) };
  }),
);
const product = sources.filter(({ isTest }) => !isTest);

const libraryOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier);
const isRelative = (specifier: string): boolean => specifier.startsWith('.');
const isThirdParty = (specifier: string): boolean =>
  !isRelative(specifier) && !isBuiltin(specifier) && !specifier.startsWith(SCOPE) && !specifier.startsWith('#');

/** Every import that breaks a rule, as `file imports specifier`. */
const offenders = (files: readonly Source[], breaks: (specifier: string, source: Source) => boolean): string[] =>
  files.flatMap((source) =>
    source.imports.filter((specifier) => breaks(specifier, source)).map((specifier) => `${source.path} imports ${specifier}`),
  );

describe('layers', () => {
  test('every package has a layer', () => {
    expect(packages.filter((folder) => LAYERS[folder] === undefined)).toEqual([]);
    expect(product.length).toBeGreaterThan(50);
  });

  test('imports go to a lower layer only', () => {
    const upward = (specifier: string, source: Source): boolean => {
      if (!specifier.startsWith(SCOPE)) return false;
      const target = folderOf.get(libraryOf(specifier));
      if (target === undefined || target === source.package) return true;
      return (LAYERS[target] ?? 9) >= (LAYERS[source.package] ?? 0);
    };
    expect(offenders(product, upward)).toEqual([]);
  });

  test('packages depend on each other without a cycle', () => {
    const edges = new Map(
      [...manifests.values()].map(({ name, dependencies, devDependencies }) => [
        name,
        Object.keys({ ...dependencies, ...devDependencies }).filter((dependency) => folderOf.has(dependency)),
      ]),
    );
    const cycles: string[] = [];
    const visit = (name: string, path: readonly string[]): void => {
      if (path.includes(name)) cycles.push([...path.slice(path.indexOf(name)), name].join(' -> '));
      else for (const next of edges.get(name) ?? []) visit(next, [...path, name]);
    };
    for (const name of edges.keys()) visit(name, []);
    expect([...new Set(cycles)]).toEqual([]);
  });

  test('the vocabulary runs in a browser: it imports zod and itself', () => {
    const shared = product.filter((source) => source.package === 'packages/shared');
    expect(offenders(shared, (specifier) => !isRelative(specifier) && specifier !== 'zod')).toEqual([]);
  });

  test('the client runs in a browser: it imports the vocabulary and itself', () => {
    const client = product.filter((source) => source.package === 'packages/client');
    expect(client.length).toBeGreaterThan(5);
    expect(offenders(client, (specifier) => !isRelative(specifier) && specifier !== '@countersign/shared')).toEqual([]);
  });
});

describe('entries', () => {
  test('another package is imported by its name, never deep', () => {
    expect(offenders(sources, (specifier) => specifier.startsWith(SCOPE) && specifier.split('/').length > 2)).toEqual([]);
  });

  test('a relative import stays in its package; tests may also reach the fixtures in test/', () => {
    const leaves = (specifier: string, source: Source): boolean => {
      if (!isRelative(specifier)) return false;
      const target = relative(ROOT, resolve(ROOT, dirname(source.path), specifier))
        .split(sep)
        .join('/');
      return !target.startsWith(`${source.package}/`) && !(source.isTest && target.startsWith('test/'));
    };
    expect(offenders(sources, leaves)).toEqual([]);
  });

  test('a relative import of TypeScript names the file with its extension', () => {
    const files = sources.filter(({ path }) => path.endsWith('.ts'));
    const unnamed = (specifier: string, source: Source): boolean =>
      isRelative(specifier) && !existsSync(resolve(ROOT, dirname(source.path), specifier)) && !specifier.includes('/dist/');
    expect(offenders(files, unnamed)).toEqual([]);
  });

  test('an entry is a list of named re-exports', () => {
    const entries = product.filter(({ path }) => path.endsWith('/src/index.ts'));
    const other = entries.filter(
      ({ text }) =>
        withoutComments(text)
          .replace(/export (?:type )?\{[^}]*\}(?: from '[^']+')?;/g, '')
          .trim() !== '',
    );
    expect(other.map(({ path }) => path)).toEqual([]);
  });

  test('nobody writes `export *` or a default export', () => {
    // A configuration file of a tool has to have one.
    const modules = product.filter(({ path }) => path.includes('/src/'));
    expect(modules.filter(({ text }) => /^\s*export\s+(\*|default\b)/m.test(withoutComments(text))).map(({ path }) => path)).toEqual([]);
  });
});

describe('libraries', () => {
  test.each(Object.entries(OWNERS))('%s is imported by %s only', (library, owner) => {
    const outside = product.filter((source) => source.package !== owner);
    expect(offenders(outside, (specifier) => libraryOf(specifier) === library)).toEqual([]);
  });

  test('every other library has one owner too, zod excepted', () => {
    const owners = new Map<string, Set<string>>();
    for (const source of product)
      for (const specifier of source.imports.filter(isThirdParty)) {
        const library = libraryOf(specifier);
        owners.set(library, (owners.get(library) ?? new Set()).add(source.package));
      }
    const torn = [...owners].filter(([library, who]) => who.size > 1 && !SHARED_LIBRARIES.includes(library));
    expect(torn.map(([library, who]) => `${library}: ${[...who].sort().join(', ')}`)).toEqual([]);
  });

  test('undici is loaded in one place, behind that of Node: the first one is that of every fetch in the process', () => {
    const importers = sources.filter(({ imports, isTest }) => !isTest && imports.includes('undici')).map(({ path }) => path);
    expect(importers).toEqual(['packages/tools/src/undici.ts']);
  });

  test('what a package imports it declares', () => {
    const undeclared = (specifier: string, source: Source): boolean => {
      if (isRelative(specifier) || isBuiltin(specifier) || libraryOf(specifier) === 'vitest') return false;
      const manifest = manifests.get(source.package);
      return !Object.keys({ ...manifest?.dependencies, ...(source.isTest ? manifest?.devDependencies : {}) }).includes(
        libraryOf(specifier),
      );
    };
    expect(offenders(sources, undeclared)).toEqual([]);
  });

  test('Node’s own modules are imported by their node: names', () => {
    expect(offenders(sources, (specifier) => builtinModules.includes(specifier))).toEqual([]);
  });
});

test('signals are linked by linkSignals: a timeout within AbortSignal.any may be collected as garbage, and never comes', () => {
  expect(product.filter(({ text }) => /AbortSignal\.any\(/.test(text)).map(({ path }) => path)).toEqual([]);
});

test('folders and files are named after what they do, in kebab-case', () => {
  const badlyNamed = sources.filter(({ path }) => {
    const parts = path.split('/').slice(2);
    const names = parts.map((part) => part.replace(/(\.test|\.config|\.d)?\.[a-z]+$/, ''));
    return names.some((name) => KIND_NAMES.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
  });
  expect(badlyNamed.map(({ path }) => path)).toEqual([]);
});
