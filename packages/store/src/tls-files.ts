/** The files with certificates and keys that settings name. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export const readText = (path: string): string => readFileSync(path, 'utf8');

/** Null: the file can be read and holds what it should. */
function problemOf(path: string, judge: (text: string) => string | null): string | null {
  try {
    return judge(readText(path));
  } catch (error) {
    return `can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}); must be a file in PEM format`;
  }
}

/** What is wrong with a file that should hold one certificate or several. */
export const certificateProblem = (path: string): string | null =>
  problemOf(path, (text) => {
    const found = text.match(CERTIFICATE);
    if (found === null) return 'holds no certificate; must be a file with certificates in PEM format (-----BEGIN CERTIFICATE-----)';
    try {
      for (const certificate of found) new X509Certificate(certificate);
      return null;
    } catch {
      return 'holds something between the lines of a certificate that is none';
    }
  });

/** What is wrong with a file that should hold a private key. */
export const keyProblem = (path: string): string | null =>
  problemOf(path, (text) => {
    try {
      createPrivateKey(text);
      return null;
    } catch {
      return 'holds no private key that can be used; must be one in PEM format, without a passphrase';
    }
  });

/** Whether the first certificate of a file, which is its owner's, is that of the key. Both files have been found good. */
export const belongTogether = (certificate: string, key: string): boolean =>
  new X509Certificate(readText(certificate)).checkPrivateKey(createPrivateKey(readText(key)));
