import type { EdgeCase } from './edge-case.ts';

export const CLOCK_CASES: readonly EdgeCase[] = [];
