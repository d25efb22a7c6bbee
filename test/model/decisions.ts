/** What random plans are decided to need: everything that a policy can ask for, under versions that change. */
import type { Demand, PolicyDecision, Role } from '@countersign/shared';
import { ACTORS } from './generators.ts';

const [ANN, BOB, CAS] = ACTORS;

/** Who may approve, and what they are besides; the first one creates every plan. */
export const ROLES_OF: Readonly<Record<string, readonly Role[]>> = {
  [ANN]: ['approver'],
  [BOB]: ['approver', 'operator'],
  [CAS]: ['approver'],
};

const demand = (count: number, roles: Role[] = [], notSubmitter = false): Demand => ({ count, roles, notSubmitter });

const asks = (...demands: Demand[]): Omit<PolicyDecision, 'version'> => ({
  rule: 'a "rule" | of sorts',
  outcome: 'approve',
  demands,
  reason: 'asked by \\ the rule',
});

const DECISIONS: readonly Omit<PolicyDecision, 'version'>[] = [
  { rule: null, outcome: 'auto', demands: [], reason: 'nobody "has" to' },
  asks(demand(1)),
  asks(demand(2)),
  { rule: 'quick', outcome: 'auto', demands: [], reason: 'nobody has to' },
  asks(demand(1, ['operator'])),
  asks(demand(1), demand(1, ['operator', 'admin'], true)),
  asks(demand(1, [], true)),
  asks(demand(2, [], true), demand(1, ['approver'])),
  { rule: 'never', outcome: 'deny', demands: [], reason: 'not "here"' },
];

/** `pick` counts through the decisions and three versions, again and again. */
export const decisionFor = (pick: number): PolicyDecision => {
  const decided = DECISIONS[pick % DECISIONS.length] as Omit<PolicyDecision, 'version'>;
  return { version: `sha256:${String(pick % 4).repeat(64)}`, ...decided };
};
