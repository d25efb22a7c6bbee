/** The compose file against the settings of the services and against the images. */
import { readdirSync } from 'node:fs';
import { readDocument } from '@countersign/service';
import { expect, test } from 'vitest';
import { pathFromRoot, readPage } from './pages.ts';
import { serviceSettings } from './service-settings.ts';

interface ComposeService {
  build?: { context: string; target: string };
  environment?: Record<string, string | null>;
}

const reading = readDocument(readPage('docker-compose.yml'), 'yaml');
if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
const { services } = reading.document.value as unknown as { services: Record<string, ComposeService> };

/** What each process has of its own. */
const OWN = ['EXECUTOR_NAME'];

/** The variables that a stage of the Dockerfile sets. */
const setByImage = (target: string): string[] => {
  const stage = readPage('Dockerfile')
    .split(/^FROM /m)
    .find((text) => text.split('\n')[0]?.endsWith(` AS ${target}`));
  const lines = (stage ?? '').split('\n').filter((line) => line.startsWith('ENV '));
  return lines.flatMap((line) => [...line.matchAll(/([A-Z_]+)=/g)].map(([, name]) => name ?? ''));
};

const settings = [...(await serviceSettings())].map(({ name, properties }) => [name, ['LOG_LEVEL', ...Object.keys(properties)]] as const);

test.each(settings)('%s: every setting can be given in .env, and nothing else is passed on', (name, names) => {
  expect(services[name]?.build).toEqual({ context: '.', target: name });
  const fixed = new Set([...setByImage(name), ...OWN]);
  const passed = Object.keys(services[name]?.environment ?? {});
  expect(passed.sort(), `docker-compose.yml, services.${name}.environment`).toEqual(names.filter((each) => !fixed.has(each)).sort());
});

test('.env.example holds no values', () => {
  const lines = readPage('.env.example').split('\n');
  expect(lines.filter((line) => line !== '' && !/^# |^#[A-Z_]+=$/.test(line))).toEqual([]);
});

test('what the builds of packages and turbo need from outside of them is not kept out of the images', () => {
  const manifests = ['packages', 'services'].flatMap((group) =>
    readdirSync(pathFromRoot(group)).map((name) => `${group}/${name}/package.json`),
  );
  expect(manifests.length).toBeGreaterThan(9);
  const named = manifests.flatMap((manifest) => {
    const { scripts } = JSON.parse(readPage(manifest)) as { scripts: { build: string } };
    return [...scripts.build.matchAll(/\.\.\/\.\.\/(\S+)/g)].map(([, path]) => path);
  });
  const { globalDependencies } = JSON.parse(readPage('turbo.json')) as { globalDependencies: string[] };
  const needed = [...new Set([...named, ...globalDependencies])].map((path) => `!${path}`);
  expect(readPage('.dockerignore').split('\n')).toEqual(expect.arrayContaining(needed));
});
