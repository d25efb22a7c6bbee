/** An OpenID Connect provider on this machine: a discovery document, keys, and tokens with whatever is asked for. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose';

export interface TokenOptions {
  claims?: JWTPayload;
  issuer?: string;
  audience?: string;
  /** seconds from now; null: it does not say */
  expiresIn?: number | null;
  notBefore?: number;
  /** signs with the key that the provider had first; it may not publish it any more */
  key?: string;
}

export interface Issuer {
  url: string;
  /** how often the keys were asked for */
  readonly keysRead: number;
  /** signed by the newest key unless `key` names another */
  token(options?: TokenOptions): Promise<string>;
  /** Publishes a new key, and the older ones no more. Gives its id. */
  rotate(): Promise<string>;
  /** makes it answer everything with this status; null: as it should */
  breakDown(status: number | null): void;
  /** the newest public key, as it is published */
  publicKey(): JSONWebKeySet['keys'][number];
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
  let published: JSONWebKeySet = { keys: [] };
  let newest = '';
  let keysRead = 0;
  let broken: number | null = null;

  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/keys') keysRead++;
    if (broken !== null) response.writeHead(broken).end('{}');
    else if (request.url === '/.well-known/openid-configuration') response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    else if (request.url === '/keys') response.end(JSON.stringify(published));
    else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const rotate = async (): Promise<string> => {
    newest = `key-${pairs.size + 1}`;
    const pair = await generateKeyPair('ES256', { extractable: true });
    pairs.set(newest, pair);
    published = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: newest, alg: 'ES256', use: 'sig' }] };
    return newest;
  };
  await rotate();

  return {
    url,
    get keysRead() {
      return keysRead;
    },
    async token({ claims = { sub: 'carol' }, issuer = url, audience = 'countersign', expiresIn = 300, notBefore, key = newest } = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const pair = pairs.get(key);
      if (pair === undefined) throw new Error(`the issuer has no key ${key}; it has ${[...pairs.keys()].join(', ')}`);
      const token = new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: key }).setIssuer(issuer).setAudience(audience);
      if (expiresIn !== null) token.setExpirationTime(now + expiresIn);
      if (notBefore !== undefined) token.setNotBefore(now + notBefore);
      return token.sign(pair.privateKey);
    },
    rotate,
    breakDown(status) {
      broken = status;
    },
    publicKey: () => published.keys[0] ?? { kty: 'EC' },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
