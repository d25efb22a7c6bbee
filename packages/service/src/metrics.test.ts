import { expect, test } from 'vitest';
import { Metrics } from './metrics.ts';

const DEFINITIONS = {
  calls: { kind: 'counter', name: 'countersign_calls_total', help: 'Calls.', labels: ['tool'] },
  waiting: { kind: 'gauge', name: 'countersign_waiting', help: 'Waiting.', labels: [] },
  took: { kind: 'histogram', name: 'countersign_took_seconds', help: 'Took.', labels: ['tool'], buckets: [0.1, 1] },
} as const;

const linesOf = async (metrics: Metrics): Promise<string[]> => (await metrics.text()).split('\n').filter((line) => line !== '');

test('what is counted, measured and looked at is shown with its labels', async () => {
  const metrics = new Metrics();
  const { calls, waiting, took } = metrics.add(DEFINITIONS);
  calls.add({ tool: 'fs.read' });
  calls.add({ tool: 'fs.read' }, 2);
  took.observe({ tool: 'fs.read' }, 0.5);
  metrics.onScrape(async () => waiting.set({}, 7));
  expect(await linesOf(metrics)).toEqual(
    expect.arrayContaining([
      '# TYPE countersign_calls_total counter',
      'countersign_calls_total{tool="fs.read"} 3',
      'countersign_waiting 7',
      'countersign_took_seconds_bucket{le="0.1",tool="fs.read"} 0',
      'countersign_took_seconds_bucket{le="1",tool="fs.read"} 1',
      'countersign_took_seconds_sum{tool="fs.read"} 0.5',
    ]),
  );
  expect(metrics.contentType).toMatch(/^text\/plain/);
});

test('a label takes a hundred values; what comes after them counts as `other`', async () => {
  const metrics = new Metrics();
  const { calls } = metrics.add(DEFINITIONS);
  for (let number = 0; number < 1_000; number++) calls.add({ tool: `tool-${number}` });
  calls.add({ tool: 'tool-0' });
  const shown = (await linesOf(metrics)).filter((line) => line.startsWith('countersign_calls_total{'));
  expect(shown).toHaveLength(101);
  expect(shown).toContain('countersign_calls_total{tool="tool-0"} 2');
  expect(shown).toContain('countersign_calls_total{tool="other"} 900');
});

test('what was cleared is not there any more', async () => {
  const metrics = new Metrics();
  const { calls, waiting } = metrics.add(DEFINITIONS);
  calls.add({ tool: 'fs.read' }, 5);
  calls.clear();
  calls.add({ tool: 'fs.list' }, 3);
  waiting.set({}, 1);
  waiting.clear();
  const values = (await linesOf(metrics)).filter((line) => /^countersign_(calls|waiting)/.test(line));
  expect(values).toEqual(['countersign_calls_total{tool="fs.list"} 3', 'countersign_waiting 0']);
});

test('a name is given once', () => {
  const metrics = new Metrics();
  metrics.add(DEFINITIONS);
  expect(() => metrics.add(DEFINITIONS)).toThrow(/countersign_calls_total/);
});

test('two processes in one, as in tests, do not share what they count', async () => {
  const one = new Metrics();
  const two = new Metrics();
  one.add(DEFINITIONS).calls.add({ tool: 'a' });
  two.add(DEFINITIONS);
  expect(await two.text()).not.toContain('tool="a"');
});

test('the process shows itself where that is wanted', async () => {
  const metrics = new Metrics();
  expect(await metrics.text()).not.toContain('process_');
  metrics.watchProcess();
  expect(await metrics.text()).toMatch(/^process_cpu_seconds_total /m);
});
