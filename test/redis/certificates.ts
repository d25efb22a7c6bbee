/** Certificates for tests, made by openssl: an authority, and what it vouches for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;

export interface Certificate {
  cert: string;
  key: string;
}

/** Paths of PEM files, in a folder that `remove` removes. */
export interface Authority {
  ca: string;
  /** A certificate of a server at 127.0.0.1 and localhost, or of a client. */
  issue(name: string): Certificate;
  remove(): void;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-tls-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  openssl('req', '-x509', ...EC, '-days', '2', '-subj', '/CN=test authority', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  return {
    ca: at('ca.pem'),
    issue(name) {
      const [cert, key, request, names] = [at(`${name}.pem`), at(`${name}.key`), at(`${name}.csr`), at(`${name}.ext`)];
      writeFileSync(names, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
      openssl('req', ...EC, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
      const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', names];
      openssl('x509', '-req', '-in', request, ...signing, '-out', cert);
      return { cert, key };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
