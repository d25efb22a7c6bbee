/** The figures of a run, for people. */
import type { ApiOperation } from './api-document.ts';
import { KINDS } from './attempt.ts';
import type { RunOptions, Seen } from './run.ts';
import type { MemoryOf } from './stage.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Of each service what it holds, after a third of the requests and after all work has ended. */
function memoryRows(warm: MemoryOf, end: MemoryOf): [string, string][] {
  return (Object.keys(warm) as (keyof MemoryOf)[]).map((name) => [
    `  ${name}`,
    `heap ${megabytes(warm[name].heapUsed)} -> ${megabytes(end[name].heapUsed)}, resident ${megabytes(warm[name].rss)} -> ${megabytes(end[name].rss)}`,
  ]);
}

export function reportOf({ seen, end, options }: { seen: Seen; end: MemoryOf; options: RunOptions }): string {
  const { sent, statuses, operations, warm, durationMs, problems } = seen;
  const refused = (id: ApiOperation['id']): boolean => ![...(operations.get(id) ?? [])].some((status) => status < 300);
  const all = KINDS.reduce((sum, kind) => sum + sent[kind].all, 0);
  const rows: [string, string | number][] = [
    ['seed', options.seed],
    ['requests', all],
    ...KINDS.map((kind): [string, string] => [`  ${kind}`, `${sent[kind].all}, ${sent[kind].left} without an answer, as they had to be`]),
    ['answers', [...statuses.values()].reduce((sum, count) => sum + count, 0)],
    ...[...statuses].sort().map(([status, count]): [string, number] => [`  ${status}`, count]),
    ['operations', operations.size],
    ['  never carried out', [...operations.keys()].filter(refused).join(', ') || 'none'],
    ['duration', `${durationMs} ms`],
    ['memory after a third, and in the end', ''],
    ...memoryRows(warm, end),
    ['problems', problems.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`), ...problems].join('\n');
}
