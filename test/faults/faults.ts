/** The faults, each a function that does it and says what it hit. Every one of them is over when it resolves. */
import { NETWORK_FAULTS } from './network-faults.ts';
import type { SeenFault } from './observed.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { REDIS_FAULTS } from './redis-faults.ts';
import type { Fault, Scene } from './scene.ts';

const ALL = { ...PROCESS_FAULTS, ...REDIS_FAULTS, ...NETWORK_FAULTS };

export type FaultKind = keyof typeof ALL;
export const FAULTS: Readonly<Record<FaultKind, Fault>> = ALL;
export const FAULT_KINDS = Object.keys(ALL) as FaultKind[];

/** Null where there was nobody to hit. */
export async function injectFault(kind: FaultKind, scene: Scene): Promise<SeenFault | null> {
  const from = Date.now();
  const hit = await FAULTS[kind].inject(scene);
  if (hit === null) return null;
  const { pids = [], deadly = false, lostSince = null } = hit;
  return { kind, from, until: Date.now(), pids, deadly, lostSince };
}
