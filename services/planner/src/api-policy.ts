/** What a planner's policy lets through, where the API has another one. */
import { needingPerson, type PolicyVerdict } from '@countersign/shared';
import type { PolicyNotice } from '@countersign/store';

/**
 * A planner with another policy file than the API, or without one, must not start what the API would have people sign: the plan
 * waits, and the API decides it anew with the first vote. What needs people already comes to the API in any case.
 */
export async function heldToApi(verdict: PolicyVerdict, store: Pick<PolicyNotice, 'announcedPolicy'>): Promise<PolicyVerdict> {
  if (verdict.outcome !== 'auto' || (await store.announcedPolicy()) === verdict.version) return verdict;
  return needingPerson(verdict, 'the API has another policy than the planner that wrote the plan');
}
