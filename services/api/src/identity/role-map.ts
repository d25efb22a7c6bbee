/** From what an identity provider says of somebody to roles. */
import { isRole, ROLES, type Role } from '@countersign/shared';

export type RoleMap = ReadonlyMap<string, readonly Role[]>;
export type ParsedRoleMap = { ok: true; map: RoleMap } | { ok: false; problems: string[] };

/** Reads the setting OIDC_ROLE_MAP: `group=role+role`, comma-separated. A group may hold a '='; the last one counts. */
export function parseRoleMap(text: string): ParsedRoleMap {
  const map = new Map<string, readonly Role[]>();
  const problems: string[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    const at = entry.lastIndexOf('=');
    const group = entry.slice(0, Math.max(at, 0)).trim();
    const words = entry
      .slice(at + 1)
      .trim()
      .split('+');
    if (group === '') problems.push(`entry ${index + 1}: must be \`group=role+role\``);
    else if (!words.every(isRole))
      problems.push(`entry ${index + 1}: the roles of \`${group}\` must be some of ${ROLES.join(', ')}, joined by '+'`);
    else map.set(group, [...new Set([...(map.get(group) ?? []), ...words])]);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, map };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The claim of that name; else, the name's parts between dots taken for a path: `realm_access.roles`. */
function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>((value, part) => (isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined), claims);
}

/** The texts of a list, or of one text between its spaces; anything else is none. */
function wordsOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((item) => typeof item === 'string') : [];
}

/** The roles that a token's claims give. With a map only what it names counts; without, the names of roles themselves. */
export function rolesOf(claims: Readonly<Record<string, unknown>>, { claim, map }: { claim: string; map: RoleMap | null }): Role[] {
  const words = wordsOf(claimAt(claims, claim));
  const roles = words.flatMap((word): readonly Role[] => (map === null ? (isRole(word) ? [word] : []) : (map.get(word) ?? [])));
  return [...new Set(roles)];
}
