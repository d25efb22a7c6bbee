import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkStoreSettings, redisFrom, storeSettings } from './settings.ts';

const schema = z.object(storeSettings).superRefine(checkStoreSettings);

/** Each problem as `NAME: message`. */
function problems(env: Record<string, string>): string[] {
  const parsed = schema.safeParse(env);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
}

const folder = mkdtempSync(join(tmpdir(), 'countersign-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('REDIS_URL', () => {
  test.each([
    ['redis://10.0.0.1', []],
    ['rediss://user:p%40ss@redis.internal:6380/3', []],
    ['redis://[::1]:6379', []],
    ['http://redis:6379', ['REDIS_URL: must be a URL like redis://127.0.0.1:6379 or rediss://user:password@host:6380']],
    ['redis.internal:6379', [expect.stringContaining('must be a URL like')]],
    ['redis://host:6379/plans', [expect.stringContaining('the number of a database behind the port')]],
    ['redis://host:6379?tls=false', [expect.stringContaining('must end before `?`')]],
    ['redis://user:50%@host', [expect.stringContaining('write it as %25')]],
  ])('%s', (url, expected) => expect(problems({ REDIS_URL: url })).toEqual(expected));
});

describe('a cluster', () => {
  test('several nodes, the first one says user and encryption for all', () => {
    const REDIS_URL = 'rediss://user:pass@n1:7000, n2:7001';
    expect(problems({ REDIS_URL, REDIS_CLUSTER: 'true' })).toEqual([]);
    expect(problems({ REDIS_URL })).toEqual(['REDIS_URL: must name one server, unless REDIS_CLUSTER is true']);
  });

  test('databases and Sentinels have no place there', () => {
    expect(problems({ REDIS_URL: 'redis://n1:7000/1', REDIS_CLUSTER: 'true', REDIS_SENTINELS: 's1' })).toEqual([
      'REDIS_URL: must name no database: a cluster has only one',
      'REDIS_SENTINELS: must not be set along with REDIS_CLUSTER: a cluster needs no Sentinels',
    ]);
  });
});

describe('Sentinels', () => {
  test('addresses, with and without a port', () => {
    const parsed = schema.parse({ REDIS_SENTINELS: 's1:26380, s2,[::1]:7000', REDIS_SENTINEL_PASSWORD: 'x' });
    expect(redisFrom(parsed).sentinels).toEqual({
      addresses: [
        { host: 's1', port: 26380 },
        { host: 's2', port: 26379 },
        { host: '::1', port: 7000 },
      ],
      name: 'mymaster',
      username: undefined,
      password: 'x',
    });
  });

  test.each(['redis://s1:26379', 's1:port', 's1/0', 'user@s1', ''])('%j is no address', (entry) => {
    expect(problems({ REDIS_SENTINELS: `s0,${entry}` })).toEqual([
      `REDIS_SENTINELS: ${JSON.stringify(entry)} is no address; must be host:port, comma-separated`,
    ]);
  });

  test('what is for them alone is refused without them', () => {
    expect(problems({ REDIS_SENTINEL_NAME: 'plans', REDIS_SENTINEL_USERNAME: 'x' })).toEqual([
      'REDIS_SENTINEL_PASSWORD: must be set along with REDIS_SENTINEL_USERNAME',
      'REDIS_SENTINEL_USERNAME: is for Sentinels; REDIS_SENTINELS must say where they are',
      'REDIS_SENTINEL_NAME: is for Sentinels; REDIS_SENTINELS must say where they are',
    ]);
  });
});

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!hasOpenssl)(`certificates${hasOpenssl ? '' : ' (skipped: there is no openssl on the PATH)'}`, () => {
  const made = (name: string): { cert: string; key: string } => ({ cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });
  const [one, other] = [made('one'), made('other')];
  beforeAll(() => {
    for (const { cert, key } of [one, other]) {
      const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync('openssl', ['req', '-x509', ...ec, '-days', '2', '-subj', '/CN=x', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    }
  });
  const REDIS_URL = 'rediss://redis:6380';

  test('good ones are read', () => {
    const env = { REDIS_URL, REDIS_TLS_CA: other.cert, REDIS_TLS_CERT: one.cert, REDIS_TLS_KEY: one.key };
    expect(problems(env)).toEqual([]);
    expect(redisFrom(schema.parse(env)).tls).toEqual({
      ca: expect.stringContaining('BEGIN CERTIFICATE'),
      cert: expect.stringContaining('BEGIN CERTIFICATE'),
      key: expect.stringContaining('PRIVATE KEY'),
    });
  });

  test('a file that is missing, or is something else, is named with what is wrong', () => {
    const broken = file('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(problems({ REDIS_URL, REDIS_TLS_CA: join(folder, 'nowhere.pem') })).toEqual([
      "REDIS_TLS_CA: can't be read (ENOENT); must be a file in PEM format",
    ]);
    expect(problems({ REDIS_URL, REDIS_TLS_CA: one.key })).toEqual([expect.stringContaining('REDIS_TLS_CA: holds no certificate')]);
    expect(problems({ REDIS_URL, REDIS_TLS_CA: broken })).toEqual([expect.stringContaining('of a certificate that is none')]);
    expect(problems({ REDIS_URL, REDIS_TLS_CERT: one.cert, REDIS_TLS_KEY: one.cert })).toEqual([
      expect.stringContaining('REDIS_TLS_KEY: holds no private key'),
    ]);
  });

  test('both of certificate and key, and they must belong together', () => {
    expect(problems({ REDIS_URL, REDIS_TLS_CERT: one.cert })).toEqual(['REDIS_TLS_KEY: must be set along with REDIS_TLS_CERT']);
    expect(problems({ REDIS_URL, REDIS_TLS_KEY: one.key })).toEqual(['REDIS_TLS_CERT: must be set along with REDIS_TLS_KEY']);
    expect(problems({ REDIS_URL, REDIS_TLS_CERT: one.cert, REDIS_TLS_KEY: other.key })).toEqual([
      'REDIS_TLS_KEY: must be the key of the certificate in REDIS_TLS_CERT',
    ]);
  });

  test('without rediss:// they would do nothing, so they are refused', () => {
    expect(problems({ REDIS_TLS_CA: one.cert })).toEqual([
      'REDIS_TLS_CA: is for encrypted connections; REDIS_URL must begin with rediss://',
    ]);
  });

  test('all problems come at once', () => {
    const env = { REDIS_URL: 'redis://host/x', REDIS_TLS_CA: 'nowhere', REDIS_TLS_CERT: one.cert, REDIS_SENTINELS: 'a b' };
    expect(problems(env).map((problem) => problem.split(':')[0])).toEqual([
      'REDIS_URL',
      'REDIS_TLS_CA',
      'REDIS_SENTINELS',
      'REDIS_TLS_KEY',
    ]);
  });
});
