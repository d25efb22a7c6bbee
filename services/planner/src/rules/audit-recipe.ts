/** The recipe for "Audit this repository and write a report to audit.md". */
import type { Recipe } from './recipes.ts';

export const AUDIT_RECIPE: Recipe = { name: 'audit', description: '', phrases: [], defaults: {}, steps: [] };
