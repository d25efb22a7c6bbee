import type { EdgeCase } from './edge-case.ts';

export const BRANCH_CASES: readonly EdgeCase[] = [];
