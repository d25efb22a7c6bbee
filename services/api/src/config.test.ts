import { ConfigError, loadConfig } from '@countersign/service';
import { describe, expect, it } from 'vitest';
import { apiConfigSchema } from './config.ts';

const problems = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(apiConfigSchema, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

describe('the settings of the API', () => {
  it('need none: loopback, port 3000, a Redis on this machine, no keys', () => {
    expect(loadConfig(apiConfigSchema, {})).toEqual({
      REDIS_URL: 'redis://127.0.0.1:6379',
      REDIS_CLUSTER: false,
      HEALTH_HOST: '127.0.0.1',
      REDIS_SENTINEL_NAME: 'mymaster',
      SHARDS: 1,
      PORT: 3000,
      HOST: '127.0.0.1',
      WEBHOOK_ALLOW_PRIVATE: false,
      SHUTDOWN_DELAY_MS: 0,
      REQUIRE_KEYS: false,
      OIDC_ACTOR_CLAIM: 'sub',
      OIDC_ROLES_CLAIM: 'roles',
      RATE_LIMIT: { calls: 1200, seconds: 60 },
      AUTH_FAILURES: { calls: 30, seconds: 60 },
      DASHBOARD_WRITABLE: false,
      OTEL_SDK_DISABLED: false,
    });
  });

  it('CORS_ORIGINS are origins to the letter; without access control only those of this machine', () => {
    const withKey = { API_KEYS: 'a:viewer:secret' };
    expect(loadConfig(apiConfigSchema, { ...withKey, CORS_ORIGINS: 'https://a.example, http://b.example:81' }).CORS_ORIGINS).toEqual([
      'https://a.example',
      'http://b.example:81',
    ]);
    for (const CORS_ORIGINS of ['*', 'null', 'a.example', 'https://a.example/', 'https://*.a.example', 'https://a.example:443', 'file://x'])
      expect(problems({ ...withKey, CORS_ORIGINS })).toEqual([expect.stringMatching(/^CORS_ORIGINS: .*to the letter/)]);
    expect(problems({ CORS_ORIGINS: 'http://localhost:5173' })).toEqual([]);
    expect(problems({ CORS_ORIGINS: 'http://localhost:5173,https://a.example' })).toEqual([
      expect.stringMatching(/^CORS_ORIGINS: .*without API_KEYS/),
    ]);
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org'])('without keys HOST=%s is refused, saying why', (HOST) => {
    expect(problems({ HOST })).toEqual([expect.stringMatching(/^HOST: .*without API_KEYS.*set one of them/)]);
    expect(problems({ HOST, API_KEYS: 'a:viewer:secret' })).toEqual([]);
    expect(problems({ HOST, REQUIRE_KEYS: 'true' })).toEqual([]);
    expect(problems({ HOST, OIDC_ISSUER: 'https://id.example', OIDC_AUDIENCE: 'countersign' })).toEqual([]);
  });

  it.each(['127.0.0.1', 'localhost', '::1', '127.0.0.2'])('without keys HOST=%s is fine', (HOST) => {
    expect(problems({ HOST })).toEqual([]);
  });

  it('names every problem at once and no secret', () => {
    const found = problems({ PORT: 'x', REDIS_URL: 'http://x', API_KEYS: 'a:king:hunter2' });
    expect(found.map((line) => line.split(':')[0]).sort()).toEqual(['API_KEYS', 'PORT', 'REDIS_URL']);
    expect(found.join()).not.toContain('hunter2');
  });

  it('reads limits as calls and seconds, or none', () => {
    expect(loadConfig(apiConfigSchema, { RATE_LIMIT: '600/30', AUTH_FAILURES: 'off' })).toMatchObject({
      RATE_LIMIT: { calls: 600, seconds: 30 },
      AUTH_FAILURES: null,
    });
    for (const RATE_LIMIT of ['600', '0/60', '600/0', '-1/60', '600/60/1', '1e3/60', 'none'])
      expect(problems({ RATE_LIMIT }), RATE_LIMIT).toEqual([expect.stringMatching(/^RATE_LIMIT: .*600\/60, or off/)]);
  });

  it('takes an identity provider only with its audience, and with keys that nobody can change on the way', () => {
    const OIDC_AUDIENCE = 'countersign';
    expect(problems({ OIDC_ISSUER: 'https://id.example' })).toEqual([expect.stringMatching(/^OIDC_AUDIENCE: is not set/)]);
    expect(problems({ OIDC_ISSUER: 'http://id.example', OIDC_AUDIENCE })).toEqual([expect.stringMatching(/^OIDC_ISSUER: .*must be https/)]);
    expect(problems({ OIDC_ISSUER: 'http://127.0.0.1:9', OIDC_AUDIENCE })).toEqual([]);
    expect(problems({ OIDC_ISSUER: 'http://id.example', OIDC_AUDIENCE, OIDC_JWKS_URL: 'https://id.example/keys' })).toEqual([]);
    expect(problems({ OIDC_ISSUER: 'https://id.example', OIDC_AUDIENCE, OIDC_JWKS_URL: 'http://id.example/keys' })).toHaveLength(1);
    expect(problems({ OIDC_AUDIENCE, OIDC_ROLE_MAP: 'ops=operator' })).toEqual([
      expect.stringMatching(/^OIDC_AUDIENCE: .*OIDC_ISSUER/),
      expect.stringMatching(/^OIDC_ROLE_MAP: .*OIDC_ISSUER/),
    ]);
  });

  it.each(['10.0.0.0/33', 'proxy.example', '::1/129', '10.0.0.0/8/8'])('TRUSTED_PROXIES=%j is no list of networks', (TRUSTED_PROXIES) => {
    expect(problems({ TRUSTED_PROXIES })).toEqual([expect.stringMatching(/^TRUSTED_PROXIES: /)]);
    expect(problems({ TRUSTED_PROXIES: '10.0.0.0/8, ::1, fd00::/8' })).toEqual([]);
  });

  it('names at once what is wrong with the way to Redis, and how it does not fit together', () => {
    const found = problems({
      REDIS_URL: 'redis://:hunter2@redis/x',
      REDIS_TLS_CA: '/nowhere/ca.pem',
      REDIS_SENTINELS: 'one two',
      REDIS_SENTINEL_USERNAME: 'watch',
      REDIS_CLUSTER: 'true',
    });
    const names = ['REDIS_SENTINELS', 'REDIS_SENTINELS', 'REDIS_SENTINEL_PASSWORD', 'REDIS_TLS_CA', 'REDIS_URL'];
    expect(found.map((line) => line.split(':')[0]).sort()).toEqual(names);
    expect(found.join()).not.toContain('hunter2');
  });
});
