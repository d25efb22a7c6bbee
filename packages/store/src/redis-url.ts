/** What a URL says of a Redis. Read here and not by the client library, which takes settings from behind a `?`. */

export interface RedisUrl {
  /** rediss://: the connection is encrypted, and the server has to prove who it is */
  tls: boolean;
  host: string;
  port: number;
  username: string | undefined;
  password: string | undefined;
  /** the number of the database */
  db: number;
}

/** The URLs of a text, which names the nodes of a cluster comma-separated. One that says no scheme, user and password has those of the first. */
export function nodeUrls(text: string): string[] {
  const [first = '', ...further] = text.split(',').map((part) => part.trim());
  const origin = /^rediss?:\/\/(?:[^@/]*@)?/.exec(first)?.[0] ?? 'redis://';
  return [first, ...further.filter((part) => part !== '').map((part) => (part.includes('://') ? part : origin + part))];
}

export type RedisUrlReading = { ok: true; value: RedisUrl } | { ok: false; problem: string };

const DEFAULT_PORT = 6379;
const WANTED = 'must be a URL like redis://127.0.0.1:6379 or rediss://user:password@host:6380';

const decoded = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text));

/** The problem never shows the URL, which may hold a password. */
export function readRedisUrl(text: string): RedisUrlReading {
  const refused = (problem: string): RedisUrlReading => ({ ok: false, problem });
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') return refused(WANTED);
  const [, number = '0'] = /^\/(\d{1,5})?$/.exec(url.pathname === '' ? '/' : url.pathname) ?? [null, null];
  if (number === null)
    return refused('may have the number of a database behind the port, like redis://host:6379/2, and nothing else there');
  if (url.search !== '' || url.hash !== '') return refused('must end before `?` and `#`; in a password write them as %3F and %23');
  try {
    return {
      ok: true,
      value: {
        tls: url.protocol === 'rediss:',
        host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: url.port === '' ? DEFAULT_PORT : Number(url.port),
        username: decoded(url.username),
        password: decoded(url.password),
        db: Number(number),
      },
    };
  } catch {
    return refused('has a `%` in its user or password that begins no character; write it as %25');
  }
}
