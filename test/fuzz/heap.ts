/** What a service holds, seen from outside. */
import type { ServiceProcess } from '../e2e/processes.ts';

/** The environment of a service that can be asked. */
export const PROBED = { NODE_OPTIONS: `--import=${new URL('heap-probe.mjs', import.meta.url).href}` };

export interface Memory {
  /** bytes, after garbage was collected */
  heapUsed: number;
  rss: number;
  external: number;
  /** what keeps the process busy, counted by kind */
  resources: Record<string, number>;
}

const isProbe = ({ message }: Record<string, unknown>): boolean => message === 'heap probed';

/** What it holds once nothing more can be collected. */
export async function memoryOf(service: ServiceProcess): Promise<Memory> {
  const before = service.log().filter(isProbe).length;
  service.signal('SIGUSR2');
  return (await service.logged((line) => isProbe(line) && line.asked === before + 1)) as unknown as Memory;
}
