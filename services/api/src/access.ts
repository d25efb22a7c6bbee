/** Who may do what: every route names one kind of access, and this table says which roles have it. `admin` has all. */
import type { Actor, Role } from '@countersign/shared';

export const ACCESS = {
  /** without a key */
  open: null,
  read: ['viewer', 'submitter', 'approver', 'operator', 'admin'],
  submit: ['submitter', 'admin'],
  decide: ['approver', 'admin'],
  cancel: ['submitter', 'operator', 'admin'],
  operate: ['operator', 'admin'],
} as const satisfies Record<string, readonly Role[] | null>;
export type Access = keyof typeof ACCESS;

export const rolesFor = (access: Access): readonly Role[] => ACCESS[access] ?? [];

export const mayDo = (actor: Actor, access: Access): boolean =>
  ACCESS[access] === null || actor.roles.some((role) => rolesFor(access).includes(role));
