/** Who did it. */
export const ROLES = ['viewer', 'submitter', 'approver', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];
export const isRole = (word: string): word is Role => (ROLES as readonly string[]).includes(word);

/** What a key's name, or that of a call without keys, may look like. Names of an identity provider have a ':', so they are never the same. */
export const ACTOR_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export interface Actor {
  /** the name that stands on events and votes */
  id: string;
  roles: readonly Role[];
}
