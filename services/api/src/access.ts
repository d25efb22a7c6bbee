/** Who may do what: every route names one kind of access, and this table says which roles have it. `admin` has all. */
import type { Actor, Role } from '@countersign/shared';
import { type ProblemAnswer, problem } from './answer.ts';

export const ACCESS = {
  /** without a key */
  open: null,
  read: ['viewer', 'submitter', 'approver', 'operator', 'admin'],
  submit: ['submitter', 'admin'],
  decide: ['approver', 'admin'],
  cancel: ['submitter', 'operator', 'admin'],
  operate: ['operator', 'admin'],
  administer: ['admin'],
} as const satisfies Record<string, readonly Role[] | null>;
export type Access = keyof typeof ACCESS;

export const rolesFor = (access: Access): readonly Role[] => ACCESS[access] ?? [];

/** The one place where it is decided whether an actor may make a call: why not, or null. */
export function refuseActor({ id, roles }: Actor, access: Access): ProblemAnswer | null {
  if (ACCESS[access] === null || roles.some((role) => rolesFor(access).includes(role))) return null;
  const held = roles.length === 0 ? 'no role' : `the role${roles.length === 1 ? '' : 's'} ${roles.join(', ')}`;
  return problem('forbidden', `\`${id}\` has ${held}; this needs one of ${rolesFor(access).join(', ')}`);
}
