import { loadConfig } from '@countersign/service';
import { newKeySecret, openStore } from '@countersign/store';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { type Issuer, startIssuer } from '../test/issuer.ts';
import { collectingLogger } from '../test/running-api.ts';
import { apiConfigSchema } from './config.ts';
import { apiService } from './service.ts';

const redis = useTestRedis();
let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
  return () => issuer.close();
});

let close = async (): Promise<void> => {};
afterEach(() => close());

/** The service as its process starts it, with these settings. */
async function start(env: Record<string, string>): Promise<{ url: string; lines: Record<string, unknown>[] }> {
  const { logger, lines } = collectingLogger();
  const config = loadConfig(apiConfigSchema, { REDIS_URL: redis.url, PORT: '0', ...env });
  const running = await apiService.start(config, logger, new AbortController().signal);
  close = () => running.close();
  return { url: String(lines.find(({ message }) => message === 'listening')?.url), lines };
}

async function keyInStore(roles: ('viewer' | 'admin')[]): Promise<{ Authorization: string }> {
  const { id, secret, digest } = newKeySecret();
  const store = openStore({ redis: { url: redis.url } });
  await store.createKey({ id, digest, name: 'ada', roles, expiresAt: null, actor: { id: 'command-line' } });
  await store.close();
  return { Authorization: `Bearer ${secret}` };
}

describe('the settings that say who may call', () => {
  it('REQUIRE_KEYS lets in who has a managed key, RATE_LIMIT as often as it says, AUTH_FAILURES bounds guesses', async () => {
    const { url, lines } = await start({ REQUIRE_KEYS: 'true', RATE_LIMIT: '2/3600', AUTH_FAILURES: '1/3600', HOST: '0.0.0.0' });
    const ada = await keyInStore(['viewer']);
    const status = async (headers: Record<string, string>) => (await fetch(`${url}/v1/tasks`, { headers })).status;
    expect(await status({})).toBe(401);
    expect([await status(ada), await status(ada), await status(ada)]).toEqual([200, 200, 429]);
    expect([await status({ Authorization: 'Bearer x' }), await status({ Authorization: 'Bearer x' })]).toEqual([401, 429]);
    expect(lines.some(({ message }) => message === 'calls need a key or a token')).toBe(true);
  });

  it('OIDC_* let in whoever the identity provider vouches for, and DASHBOARD_WRITABLE lets admins act', async () => {
    const { url } = await start({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'countersign',
      OIDC_ACTOR_CLAIM: 'email',
      OIDC_ROLES_CLAIM: 'groups',
      OIDC_ROLE_MAP: 'platform=admin',
      DASHBOARD_WRITABLE: 'true',
    });
    const token = await issuer.token({ claims: { email: 'carol@example.org', groups: ['platform'] } });
    const headers = { Authorization: `Bearer ${token}`, 'Sec-Fetch-Site': 'same-origin' };
    const made = await fetch(`${url}/v1/keys`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: '{"name":"bot","roles":["viewer"]}',
    });
    expect(await made.json()).toMatchObject({ key: { createdBy: 'oidc:carol@example.org' }, notice: null });
    const { Authorization } = headers;
    const cleaned = await fetch(`${url}/admin/queues/api/queues/steps/clean/completed`, {
      method: 'PUT',
      headers: { Authorization, Origin: url },
    });
    // fetch of Node says `Sec-Fetch-Site` nowhere and lets Origin be set, as a browser's page of that origin would.
    expect(cleaned.status).toBe(200);
  });

  it('an identity provider that is away is said at the start, and does not keep keys out', async () => {
    issuer.breakDown(503);
    const { url, lines } = await start({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'countersign' });
    const ada = await keyInStore(['viewer']);
    expect((await fetch(`${url}/v1/tasks`, { headers: ada })).status).toBe(200);
    const warnings = () => lines.filter(({ message }) => message === 'the keys of the identity provider cannot be read');
    await expect.poll(warnings).toHaveLength(1);
    issuer.breakDown(null);
  });
});
