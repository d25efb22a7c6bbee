import type { EdgeCase } from './edge-case.ts';

export const RETRY_CASES: readonly EdgeCase[] = [];
