/** Conditions: `{{list.output.total}} > 0 and not {{input.dry}}`. */
import type { Reference, ReferenceScope } from './references.ts';

export interface Condition {
  source: string;
}
export type ParsedCondition = { ok: true; condition: Condition } | { ok: false; position: number; message: string };
export type ConditionResult = { ok: true; value: boolean } | { ok: false; message: string };

export function parseCondition(source: string): ParsedCondition {
  return { ok: true, condition: { source } };
}
export function conditionReferences(_condition: Condition): Reference[] {
  return [];
}
export function evaluateCondition(_condition: Condition, _scope: ReferenceScope): ConditionResult {
  return { ok: false, message: 'not there yet' };
}
