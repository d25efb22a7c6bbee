/** Which values must never be seen: in a printed configuration and in the log. */
const SECRET_NAME = /authorization|api[_-]?keys?$|secret|token|password|passwd|cookie|private[_-]?key/i;
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*:)[^\s@"]+@/gi;

export const MASK = '***';

/** Whether a value under this name is a secret: `API_KEYS`, `apiKey`, `Authorization`, `clientSecret`, ... */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

/** The text with the passwords of the URLs in it masked. */
export const maskUrlPasswords = (text: string): string => (text.includes('://') ? text.replace(URL_PASSWORD, `$1${MASK}@`) : text);

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
  if (typeof value === 'string') return maskUrlPasswords(value);
  if (typeof value !== 'object') return value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, '', depth + 1));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskSecrets(item, key, depth + 1)]));
}
