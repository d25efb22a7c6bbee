/** Whether a connection that could not be made will never be: waiting mends a server that is away, but no certificate. */
import { judged, type RedisCheck, type RedisFinding } from './redis-check.ts';

interface Hopeless {
  pattern: RegExp;
  code: RedisFinding['code'];
  /** what would be right; `said` are the words of the error */
  message(said: string): string;
}

const HOPELESS: readonly Hopeless[] = [
  {
    pattern: /certificate required|alert number 116|bad certificate|unknown ca\b|handshake failure/i,
    code: 'encryption',
    message: (said) => `Redis does not accept who we are (${said}); set REDIS_TLS_CERT and REDIS_TLS_KEY to a certificate that it knows`,
  },
  {
    pattern:
      /self[- ]signed|unable to verify|unable to get (local )?issuer|certificate has expired|certificate is not yet valid|CERT_|altnames/i,
    code: 'encryption',
    message: (said) =>
      `the certificate of Redis is not accepted (${said}); set REDIS_TLS_CA to the file of those who vouch for it, and name the server as its certificate does`,
  },
  {
    pattern: /sentinel.*\b(WRONGPASS|NOAUTH|NOPERM)\b/i,
    code: 'credentials',
    message: () =>
      'the Sentinels do not accept REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD; give them a user that may ask SENTINEL',
  },
];

/** Null: it may come right by waiting. */
export function judgeConnection(error: Error): RedisCheck | null {
  const said = `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`.trim();
  const found = HOPELESS.find(({ pattern }) => pattern.test(said));
  if (found === undefined) return null;
  const words = /[^:]*$/.exec(error.message)?.[0].trim() || said;
  return judged([{ severity: 'refuse', code: found.code, message: found.message(words) }], { version: null, cluster: false });
}
