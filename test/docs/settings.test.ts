/** The README's table of settings against the schemas that read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pathFromRoot, readPage, sectionOf, tableRows } from './pages.ts';
import { serviceSettings } from './service-settings.ts';

const rows = tableRows(sectionOf(readPage('README.md'), '## Settings'));
const documented = rows.map(([name = '']) => name);

const sources = (folder: string): string[] =>
  readdirSync(pathFromRoot(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /^[^/]+\/src\/.*(?<!\.test)\.ts$/.test(name))
    .map((name) => `${folder}/${name}`);

/** Keys in capitals of the object schemas in the sources: what is read from the environment. */
const read = [...sources('packages'), ...sources('services')].flatMap((path) => {
  const text = readFileSync(pathFromRoot(path), 'utf8');
  return /z\s*\.(strictObject|looseObject|object)\(/.test(text)
    ? [...text.matchAll(/(?<![\w.])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*): ?(?:z\b|[a-z]\w*\.)/g)].flatMap(([, name]) => name ?? [])
    : [];
});

const schemas = await serviceSettings();

test('the schemas of all services were found', () => {
  expect(schemas.map(({ name }) => name)).toEqual(expect.arrayContaining(['api', 'executor', 'planner']));
  for (const { properties } of schemas) expect(read).toEqual(expect.arrayContaining(Object.keys(properties)));
});

test('the README lists every setting, once', () => {
  expect([...documented].sort()).toEqual([...new Set(read)].sort());
});

test('the README names for every setting of a service that service', () => {
  for (const { name, properties } of schemas)
    for (const setting of Object.keys(properties)) {
      const [, who = ''] = rows.find(([row]) => row === setting) ?? [];
      expect(who.split(', '), setting).toContain(name);
    }
});

test('the README gives the defaults that are the same everywhere', () => {
  const moving = ['EXECUTOR_NAME', 'WORKSPACE_ROOT'];
  for (const { properties } of schemas)
    for (const [setting, { default: fallback }] of Object.entries(properties)) {
      if (fallback === undefined || moving.includes(setting)) continue;
      const [, , shown] = rows.find(([row]) => row === setting) ?? [];
      expect(shown, setting).toBe(String(fallback));
    }
});
