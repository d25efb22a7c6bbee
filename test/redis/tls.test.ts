/** The store over TLS, on a server with certificates that were made for the test. */
import { readFileSync } from 'node:fs';
import { type EmbeddedRedis, freePort, openStore, type RedisTarget, startEmbeddedRedis } from '@countersign/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, type Certificate, hasOpenssl, makeAuthority } from './certificates.ts';
import { runPlan } from './run-plan.ts';

const text = (path: string): string => readFileSync(path, 'utf8');
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function open(redis: RedisTarget) {
  const errors: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (_fields: object, message: string) => errors.push(message) };
  const store = openStore({ redis, commandTimeoutMs: 2_000 });
  cleanUps.push(() => store.close());
  return { store, errors, prepare: () => store.prepare(log, AbortSignal.timeout(20_000)) };
}

describe.skipIf(!hasOpenssl)(`TLS${hasOpenssl ? '' : ' (skipped: there is no openssl on the PATH to make certificates with)'}`, () => {
  let authority: Authority;
  let stranger: Authority;
  let client: Certificate;
  let server: EmbeddedRedis;
  let strict: EmbeddedRedis;
  const urls = { server: '', strict: '' };

  async function startServer(name: 'server' | 'strict', settings: Record<string, string>): Promise<EmbeddedRedis> {
    const { cert, key } = authority.issue(name);
    const port = await freePort();
    urls[name] = `rediss://127.0.0.1:${port}`;
    return startEmbeddedRedis({
      settings: {
        'tls-port': String(port),
        'tls-cert-file': cert,
        'tls-key-file': key,
        'tls-ca-cert-file': authority.ca,
        ...settings,
      },
    });
  }

  beforeAll(async () => {
    authority = makeAuthority();
    stranger = makeAuthority();
    client = authority.issue('client');
    [server, strict] = await Promise.all([
      startServer('server', { 'tls-auth-clients': 'no' }),
      // Of TLS 1.3 the refusal comes after the handshake, and mostly behind the reset of the connection.
      startServer('strict', { 'tls-auth-clients': 'yes', 'tls-protocols': 'TLSv1.2' }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), strict?.stop()]);
    authority?.remove();
    stranger?.remove();
  });

  test('with the authority of the server everything works, workers and event streams too', async () => {
    const { store, prepare } = open({ url: urls.server, tls: { ca: text(authority.ca) } });
    expect(await prepare()).toEqual({ ok: true });
    await runPlan(store);
  });

  test.each([
    ['another authority', () => ({ ca: text(stranger.ca) })],
    ['none but those that Node knows', () => ({})],
  ])('with %s the server is refused, and what to set is said', async (_which, tls) => {
    const { prepare, errors, store } = open({ url: urls.server, tls: tls() });
    const problem = expect.stringMatching(/^REDIS_URL: the certificate of Redis is not accepted \(.+\); set REDIS_TLS_CA to the file/);
    expect(await prepare()).toEqual({ ok: false, problems: [problem] });
    expect(errors).toHaveLength(1);
    expect(await store.readiness()).toMatchObject({ ready: false, code: 'store_unavailable' });
  });

  test('the check cannot be switched off by the environment', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    cleanUps.push(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    });
    expect(await open({ url: urls.server }).prepare()).toMatchObject({ ok: false });
  });

  test('a certificate of another name than the one that was called is refused', async () => {
    const elsewhere = urls.server.replace('127.0.0.1', '127.0.0.2');
    await server.stop();
    const { cert, key } = authority.issue('elsewhere');
    const port = new URL(elsewhere).port;
    server = await startEmbeddedRedis({
      settings: {
        bind: '127.0.0.1 127.0.0.2',
        'tls-port': port,
        'tls-cert-file': cert,
        'tls-key-file': key,
        'tls-ca-cert-file': authority.ca,
        'tls-auth-clients': 'no',
      },
    });
    expect(await open({ url: elsewhere, tls: { ca: text(authority.ca) } }).prepare()).toEqual({
      ok: false,
      problems: [expect.stringMatching(/altnames|name the server as its certificate does/)],
    });
  });

  test('a server that wants to know its clients: with a certificate of its authority, and not without', async () => {
    const ca = text(authority.ca);
    expect(await open({ url: urls.strict, tls: { ca } }).prepare()).toEqual({
      ok: false,
      problems: [expect.stringMatching(/does not accept who we are .*set REDIS_TLS_CERT and REDIS_TLS_KEY/)],
    });
    const { store, prepare } = open({ url: urls.strict, tls: { ca, cert: text(client.cert), key: text(client.key) } });
    expect(await prepare()).toEqual({ ok: true });
    await runPlan(store);
  });
});
