/** Which values must never be seen: in a printed configuration and in the log. */
const SECRET_NAME = /authorization|api[_-]?keys?$|secret|token|password|passwd|cookie|private[_-]?key|^otel_.*_headers$/i;
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*:)[^\s@"]+@/gi;

/** The secret of a managed API key. Its id may be seen: it says which key to revoke. */
const KEY_SECRET = /\b(csk_[0-9a-hjkmnp-tv-z]{22}_)[A-Za-z0-9_-]{43}/g;

export const MASK = '***';

/** Whether a value under this name is a secret: `API_KEYS`, `apiKey`, `Authorization`, `clientSecret`, ... */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

/** The text with the passwords of URLs and the secrets of API keys in it masked. */
export function maskText(text: string): string {
  const masked = text.includes('://') ? text.replace(URL_PASSWORD, `$1${MASK}@`) : text;
  return masked.includes('csk_') ? masked.replace(KEY_SECRET, `$1${MASK}`) : masked;
}

/** Deeper than any configuration or log entry of ours; also the end of what refers to itself. */
const MAX_DEPTH = 12;

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** A copy in which secrets (texts and objects under a secret name) and the passwords of URLs are masked, at any depth. */
export function maskSecrets(value: unknown, name = '', depth = 0): unknown {
  if (value === null || value === undefined || value === '') return value;
  if (isSecretName(name) && (typeof value === 'string' || typeof value === 'object')) return MASK;
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object') return value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, '', depth + 1));
  if (value instanceof Map) return maskSecrets(Object.fromEntries(value), name, depth);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskSecrets(item, key, depth + 1)]));
}
