/** What comes from elsewhere: exactly these versions, with these bytes, and nothing of it runs when it is installed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDocument } from '@countersign/service';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
function readYaml<Value>(path: string): Value {
  const reading = readDocument(read(path), 'yaml');
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.document.value as unknown as Value;
}

const manifests = [
  'package.json',
  'test/package.json',
  ...['packages', 'services'].flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}/package.json`)),
];

test('every dependency is named by one version, not by a range', () => {
  const loose = manifests.flatMap((path) => {
    const {
      dependencies = {},
      devDependencies = {},
      optionalDependencies = {},
    } = JSON.parse(read(path)) as Record<string, Record<string, string>>;
    return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
      .filter(([, version]) => version !== 'workspace:*' && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${path}: ${name} ${version}`);
  });
  expect(loose).toEqual([]);
});

test('the lockfile has the digest of every package', () => {
  const { packages } = readYaml<{ packages: Record<string, { resolution?: { integrity?: string } }> }>('pnpm-lock.yaml');
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(Object.entries(packages).filter(([, { resolution }]) => !resolution?.integrity?.startsWith('sha512-'))).toEqual([]);
});

test('no package may run anything when it is installed', () => {
  const { allowBuilds } = readYaml<{ allowBuilds: Record<string, boolean> }>('pnpm-workspace.yaml');
  expect(Object.values(allowBuilds).filter(Boolean)).toEqual([]);
});
