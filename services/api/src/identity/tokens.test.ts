import type { Plan, Problem, Task } from '@countersign/shared';
import { base64url, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issuer, startIssuer, type TokenOptions } from '../../test/issuer.ts';
import { twoSteps, useApi } from '../../test/running-api.ts';
import { actorNameOf, type TokenReader, type TokenSettings, tokenReader } from './tokens.ts';

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());

const settingsOf = (fields: Partial<TokenSettings> = {}): TokenSettings => ({
  issuer: issuer.url,
  audience: ['countersign', 'other-name'],
  jwksUrl: null,
  actorClaim: 'sub',
  rolesClaim: 'roles',
  roleMap: null,
  ...fields,
});
const readerOf = (fields: Partial<TokenSettings> = {}, times: Parameters<typeof tokenReader>[1] = { cooldownMs: 0 }): TokenReader =>
  tokenReader(settingsOf(fields), times);
const viewer = { sub: 'carol', roles: ['viewer'] };
const parts = (header: object, payload: object): string =>
  [header, payload].map((part) => base64url.encode(JSON.stringify(part))).join('.');

describe('a token', () => {
  it('that is good says who somebody is and what they may do, under a name that is no key’s', async () => {
    const reader = readerOf();
    const token = await issuer.token({ claims: { sub: 'carol', roles: ['approver', 'king'] }, audience: 'other-name' });
    expect(await reader.read(token)).toEqual({ word: 'known', actor: { id: 'oidc:carol', roles: ['approver'] } });
  });

  it.each<[string, TokenOptions]>([
    ['has expired', { expiresIn: -60 }],
    ['does not say when it ends', { claims: viewer, expiresIn: null }],
    ['is not good yet', { notBefore: 120 }],
    ['is for another audience', { audience: 'somebody-else' }],
    ['is of another issuer', { issuer: 'http://127.0.0.1:9' }],
    ['names nobody', { claims: { roles: ['viewer'] } }],
    ['names somebody by a number', { claims: { sub: 7 as unknown as string } }],
    ['has a name that is too long', { claims: { sub: 'x'.repeat(256) } }],
  ])('that %s is wrong', async (_what, options) => {
    expect(await readerOf().read(await issuer.token(options))).toMatchObject({ word: 'wrong' });
  });

  it('is taken while clocks differ a little', async () => {
    expect(await readerOf().read(await issuer.token({ claims: viewer, expiresIn: -5 }))).toMatchObject({ word: 'known' });
  });

  it('that says it needs no signature is wrong, also where nothing was read from the issuer', async () => {
    const claims = { iss: issuer.url, aud: 'countersign', sub: 'carol', roles: ['admin'], exp: Math.floor(Date.now() / 1_000) + 60 };
    const read = issuer.keysRead;
    for (const alg of ['none', 'None', 'NONE'])
      for (const signature of ['', 'AAAA'])
        expect(await readerOf().read(`${parts({ alg, typ: 'JWT' }, claims)}.${signature}`)).toMatchObject({ word: 'wrong' });
    expect(issuer.keysRead).toBe(read);
  });

  it('that is signed with the public key as if it were a shared secret is wrong', async () => {
    const key = issuer.publicKey();
    for (const secret of [JSON.stringify(key), String(key.x)]) {
      const token = await new SignJWT({ roles: ['admin'] })
        .setProtectedHeader({ alg: 'HS256', kid: String(key.kid) })
        .setIssuer(issuer.url)
        .setAudience('countersign')
        .setSubject('carol')
        .setExpirationTime('5m')
        .sign(new TextEncoder().encode(secret));
      expect(await readerOf().read(token)).toMatchObject({ word: 'wrong' });
    }
  });

  it('whose claims were changed is wrong', async () => {
    const [header, , signature] = (await issuer.token({ claims: viewer })).split('.');
    const claims = { iss: issuer.url, aud: 'countersign', sub: 'carol', roles: ['admin'], exp: Math.floor(Date.now() / 1_000) + 60 };
    expect(await readerOf().read([header, base64url.encode(JSON.stringify(claims)), signature].join('.'))).toMatchObject({ word: 'wrong' });
  });

  it('is none where it does not look like one', async () => {
    for (const text of ['secret', 'a.b', 'a.b.c.d', 'a.b.c d', '..']) expect(await readerOf().read(text)).toBeNull();
    expect(await readerOf().read('a.b.c')).toMatchObject({ word: 'wrong' });
  });

  it('can have its roles and its name in other claims, and groups for roles', async () => {
    const claims = { sub: '1f', email: 'carol@example.org', realm_access: { roles: ['Ops'] } };
    const roleMap = new Map([['Ops', ['operator', 'viewer'] as const]]);
    const verdict = await readerOf({ actorClaim: 'email', rolesClaim: 'realm_access.roles', roleMap }).read(await issuer.token({ claims }));
    expect(verdict).toEqual({ word: 'known', actor: { id: 'oidc:carol@example.org', roles: ['operator', 'viewer'] } });
  });

  it('whose key is a new one is good as soon as the issuer publishes it, and one of the old key no more', async () => {
    const reader = readerOf();
    const before = await issuer.token({ claims: viewer });
    expect(await reader.read(before)).toMatchObject({ word: 'known' });
    await issuer.rotate();
    expect(await reader.read(await issuer.token({ claims: viewer }))).toMatchObject({ word: 'known' });
    expect(await reader.read(before)).toMatchObject({ word: 'wrong' });
  });

  it('with a made-up key id does not have the keys read again and again', async () => {
    const reader = readerOf({}, {});
    const read = issuer.keysRead;
    const [, payload, signature] = (await issuer.token({ claims: viewer })).split('.');
    for (let count = 0; count < 5; count++) {
      const header = base64url.encode(JSON.stringify({ alg: 'ES256', kid: `made-up-${count}` }));
      expect(await reader.read([header, payload, signature].join('.'))).toMatchObject({ word: 'wrong' });
    }
    expect(issuer.keysRead - read).toBe(1);
  });

  it('cannot be checked while the keys cannot be read, which is not the token’s fault; afterwards it can', async () => {
    const [discovering, knowing] = [readerOf(), readerOf({ jwksUrl: `${issuer.url}/keys` })];
    const token = await issuer.token({ claims: viewer });
    issuer.breakDown(500);
    for (const reader of [discovering, knowing]) {
      expect(await reader.read(token)).toMatchObject({ word: 'unavailable' });
      await expect(reader.prepare()).rejects.toThrow();
    }
    issuer.breakDown(null);
    for (const reader of [discovering, knowing]) expect(await reader.read(token)).toMatchObject({ word: 'known' });
    expect(await readerOf({ jwksUrl: 'http://127.0.0.1:9/keys' }).read(token)).toMatchObject({ word: 'unavailable' });
  });

  it('is not checked with the keys of an issuer that calls itself otherwise', async () => {
    const reader = readerOf({ issuer: `${issuer.url}/` });
    expect(await reader.read(await issuer.token({ issuer: `${issuer.url}/` }))).toMatchObject({
      word: 'unavailable',
      why: expect.stringContaining('is of another issuer'),
    });
  });
});

describe('the name of somebody from the identity provider', () => {
  it.each([
    ['carol', 'oidc:carol'],
    ['carol@example.org', 'oidc:carol@example.org'],
    ['auth0|5f', 'oidc:auth0%7C5f'],
    ['auth0%7C5f', 'oidc:auth0%257C5f'],
    ['Zoë', 'oidc:Zo%C3%AB'],
    ['a\nb', 'oidc:a%0Ab'],
  ])('%j is %s', (claim, name) => {
    expect(actorNameOf(claim)).toBe(name);
  });
});

describe('calls with tokens', () => {
  const late: TokenReader = { read: (token) => readerOf().read(token), prepare: async () => {} };
  const api = useApi({ keys: 'ada:admin:secret-of-admin', tokens: late });
  const as = async (claims: Record<string, unknown>) => ({ Authorization: `Bearer ${await issuer.token({ claims })}` });

  it('are made by whom the token names, beside those with keys', async () => {
    const { task } = (
      await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' }, headers: await as({ sub: 'ada', roles: ['submitter'] }) })
    ).body;
    expect(task.createdBy).toBe('oidc:ada');
    const made = await api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps(), headers: { Authorization: 'Bearer secret-of-admin' } });
    const { id, digest } = made.body.plan;
    const voted = await api.call<{ plan: Plan }>(`/v1/plans/${id}/approve`, {
      body: { digest },
      headers: await as({ sub: 'ada', roles: ['approver'] }),
    });
    expect([voted.body.plan.createdBy, voted.body.plan.approvals.map(({ actor }) => actor)]).toEqual(['ada', ['oidc:ada']]);
  });

  it('without a role that counts may do nothing, and are told so', async () => {
    for (const claims of [{ sub: 'carol' }, { sub: 'carol', roles: ['king'] }]) {
      const { status, body } = await api.call<Problem>('/v1/tasks', { headers: await as(claims) });
      expect([status, body.detail]).toEqual([403, expect.stringMatching(/^`oidc:carol` has no role; this needs one of /)]);
    }
  });

  it('are refused alike whatever is wrong with the token; while nobody can tell, 503', async () => {
    const wrong = await Promise.all(
      [{ expiresIn: -60 }, { audience: 'x' }, { issuer: 'https://x.example' }].map(async (options) => {
        const { status, body } = await api.call<Problem>('/v1/tasks', {
          headers: { Authorization: `Bearer ${await issuer.token(options)}` },
        });
        return [status, body.detail];
      }),
    );
    expect(wrong).toEqual(wrong.map(() => [401, 'the key or token is not valid']));
    const headers = await as(viewer);
    issuer.breakDown(503);
    const { status, body, headers: answered } = await api.call<Problem>('/v1/tasks', { headers });
    issuer.breakDown(null);
    expect([status, body.code, answered.get('retry-after')]).toEqual([503, 'identity_unavailable', '1']);
    const tokens = [headers.Authorization].map((text) => text.slice(-40));
    for (const token of tokens) expect(JSON.stringify(api.log)).not.toContain(token);
  });
});
