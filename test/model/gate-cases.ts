import type { EdgeCase } from './edge-case.ts';

export const GATE_CASES: readonly EdgeCase[] = [];
