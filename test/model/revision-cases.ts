import type { EdgeCase } from './edge-case.ts';

export const REVISION_CASES: readonly EdgeCase[] = [];
