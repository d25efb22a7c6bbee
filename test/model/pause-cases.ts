import type { EdgeCase } from './edge-case.ts';

export const PAUSE_CASES: readonly EdgeCase[] = [];
