/** Who did it. */
export const ROLES = ['viewer', 'submitter', 'approver', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface Actor {
  /** the name that stands on events and votes */
  id: string;
  roles: readonly Role[];
}
