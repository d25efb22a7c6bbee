/** Texts of an input as people may see them: what looks like a secret is left out. */
import { parseTemplate } from '@countersign/shared';
import { named, shortened, visible } from './effect-words.ts';

const MASK = '***';
const SECRET_NAME =
  /auth(?!ors?$)|api[_-]?key|access[_-]?key|secret|token|passw|pwd|cookie|private[_-]?key|signature|credential|session|^(key|sig|code|jwt|sid)$/i;
/** Long and of letters and digits mixed: nobody wrote it by hand. */
const LOOKS_RANDOM = /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_\-.~+/=%]{20,}$/;
/** Ids of resources are random too; in a path only what also mixes upper and lower case is taken for a secret. */
const LOOKS_LIKE_KEY = /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_\-~+=%]{20,}$/;

/** Whether a value under this name is meant for the receiver alone. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

const queryWords = (query: string): string =>
  query
    .split('&')
    .map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      const value = rest.join('=');
      if (rest.length === 0) return LOOKS_RANDOM.test(name) ? MASK : name;
      return `${name}=${isSecretName(name) || LOOKS_RANDOM.test(value) ? MASK : value}`;
    })
    .join('&');

const pathWords = (path: string): string =>
  path
    .split('/')
    .map((part) => (LOOKS_LIKE_KEY.test(part) ? MASK : part))
    .join('/');

const MAX_HOST_LENGTH = 60;
/** The end of a name says whose it is. */
const hostWords = (host: string): string => (host.length <= MAX_HOST_LENGTH ? host : `...${host.slice(3 - MAX_HOST_LENGTH)}`);

/** A text with its placeholders replaced by letters and digits, which are at home in every part of a URL; and the way back. */
function withStandIns(text: string): { plain: string; putBack(shown: string): string } {
  const placeholders: string[] = [];
  const plain = parseTemplate(text)
    .map((part) =>
      part.kind === 'text'
        ? part.text
        : `placeholder0${placeholders.push(part.kind === 'reference' ? `{{${part.reference.text}}}` : part.text)}0end`,
    )
    .join('');
  return {
    plain,
    putBack: (shown) => placeholders.reduce((words, placeholder, at) => words.replaceAll(`placeholder0${at + 1}0end`, placeholder), shown),
  };
}

/**
 * A URL as it will be asked for, without user, password, fragment, and values that look like secrets. It is read as the
 * request reads it, so that a host that only looks like another one shows as what it is.
 */
export function urlWords(text: string, limit = 120): string {
  const { plain, putBack } = withStandIns(text);
  if (!URL.canParse(plain)) {
    const unread = plain.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:)?([/\\]*)[^/\\]*@/i, '$1$2');
    return named(putBack(unread), limit);
  }
  const url = new URL(plain);
  const query = url.search === '' ? '' : `?${queryWords(url.search.slice(1))}`;
  const rest = `${pathWords(url.pathname)}${query}`;
  const origin = `${url.protocol}//${hostWords(url.host)}`;
  return visible(`${putBack(origin)}${shortened(putBack(rest), Math.max(20, limit - origin.length))}`);
}

const URL_IN_TEXT = /\bhttps?:\/\/[^\s"'<>]+/gi;
const SECRET_HEADER = /\b((?:proxy-)?authorization|cookie|set-cookie|x-[a-z-]*(?:key|token|secret)[a-z-]*)(\s*[:=]\s*)\S.*$/gis;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;

/** A text with the URLs, headers and bearer tokens in it made fit to be seen. */
const maskedText = (text: string): string =>
  text
    .replace(URL_IN_TEXT, (url) => urlWords(url, 1_000))
    .replace(SECRET_HEADER, `$1$2${MASK}`)
    .replace(BEARER, `$1 ${MASK}`);

/** The arguments of a command, with what looks like a secret masked: `--token=...`, `--password ...`, headers, URLs. */
export function maskedArguments(given: readonly string[]): string[] {
  return given.map((argument, at) => {
    const before = given[at - 1] ?? '';
    if (/^--?[A-Za-z]/.test(before) && !before.includes('=') && isSecretName(before.replace(/^-+/, '')) && !argument.startsWith('-'))
      return MASK;
    const assigned = /^(-{0,2}[A-Za-z][\w.-]*)=(.*)$/s.exec(argument);
    if (assigned?.[1] !== undefined && isSecretName(assigned[1].replace(/^-+/, ''))) return `${assigned[1]}=${MASK}`;
    return maskedText(argument);
  });
}
