/** The page about metrics against the definitions in the code. */
import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { MetricDefinition } from '@countersign/service';
import { expect, test } from 'vitest';
import { pathFromRoot, readPage, sectionOf, tableRows } from './pages.ts';

interface Shown extends MetricDefinition {
  /** who shows it */
  by: string;
}

async function definitionsIn(path: string, by: string): Promise<Shown[]> {
  const module = (await import(pathToFileURL(pathFromRoot(path)).href)) as Record<string, unknown>;
  const tables = Object.entries(module).filter(([name]) => name.endsWith('_METRICS'));
  return tables.flatMap(([, table]) => Object.values(table as Record<string, MetricDefinition>).map((each) => ({ ...each, by })));
}

const definitions = (
  await Promise.all([
    definitionsIn('packages/service/src/store-metrics.ts', 'all'),
    ...readdirSync(pathFromRoot('services')).map((name) => definitionsIn(`services/${name}/src/metrics.ts`, name)),
  ])
).flat();

test('the table has every metric, and nothing else: its type, its labels, who shows it', () => {
  const rows = tableRows(sectionOf(readPage('docs/metrics.md'), '## The metrics'));
  const documented = rows.map(([name, type, labels, by]) => ({ name, type, labels: labels === '' ? [] : labels?.split(', '), by }));
  const defined = definitions.map(({ name, kind, labels, by }) => ({ name, type: kind, labels: [...labels], by }));
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number => ((a.name ?? '') < (b.name ?? '') ? -1 : 1);
  expect(documented.sort(byName)).toEqual(defined.sort(byName));
  expect(rows.filter(([, , , , meaning = '']) => meaning.length < 10)).toEqual([]);
});

test('names are what Prometheus users expect: a prefix, base units, counters that end in _total', () => {
  expect(definitions.length).toBeGreaterThan(20);
  for (const { name, kind, help, labels, buckets } of definitions) {
    expect(name).toMatch(/^countersign_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|count|sum|bucket)(_|$)/);
    if (kind === 'histogram')
      expect([name, [...(buckets ?? [])].sort((a, b) => a - b)]).toEqual([expect.stringMatching(/_seconds$/), buckets]);
    expect(help).toMatch(/\.$/);
    for (const label of labels) expect(['plan', 'task', 'step', 'actor', 'user'], name).not.toContain(label);
  }
});
