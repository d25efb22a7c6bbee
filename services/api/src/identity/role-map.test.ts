import { describe, expect, it } from 'vitest';
import { parseRoleMap, rolesOf } from './role-map.ts';

describe('the roles of a token', () => {
  const plain = { claim: 'roles', map: null };

  it.each([
    [{ roles: ['approver', 'viewer', 'approver'] }, ['approver', 'viewer']],
    [{ roles: 'viewer operator' }, ['viewer', 'operator']],
    [{ roles: ['king', 7, null, 'toString'] }, []],
    [{ roles: { admin: true } }, []],
    [{}, []],
  ])('of %j are %j', (claims, roles) => {
    expect(rolesOf(claims, plain)).toEqual(roles);
  });

  it('are found on a path, and first under a name that has dots itself', () => {
    const at = (claim: string) => ({ claim, map: null });
    expect(rolesOf({ realm_access: { roles: ['viewer'] } }, at('realm_access.roles'))).toEqual(['viewer']);
    expect(rolesOf({ 'https://example.org/roles': ['viewer'] }, at('https://example.org/roles'))).toEqual(['viewer']);
    for (const claim of ['constructor.name', 'a.b', 'realm_access.__proto__']) expect(rolesOf({ realm_access: {} }, at(claim))).toEqual([]);
  });

  it('are those of the map where there is one, and of nothing else', () => {
    const parsed = parseRoleMap('cn=ops=operator+viewer, leads=approver ,leads=submitter');
    if (!parsed.ok) throw new Error(parsed.problems.join());
    const mapped = { claim: 'groups', map: parsed.map };
    expect(rolesOf({ groups: ['cn=ops'] }, mapped)).toEqual(['operator', 'viewer']);
    expect(rolesOf({ groups: ['leads', 'admin', 'other'] }, mapped)).toEqual(['approver', 'submitter']);
  });

  it('of a map are checked when the API starts', () => {
    expect(parseRoleMap('ops,=viewer,ops=king')).toEqual({
      ok: false,
      problems: [
        'entry 1: must be `group=role+role`',
        'entry 2: must be `group=role+role`',
        "entry 3: the roles of `ops` must be some of viewer, submitter, approver, operator, admin, joined by '+'",
      ],
    });
  });
});
