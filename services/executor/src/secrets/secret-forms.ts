/** The forms in which a secret's value may come back: as it is, and in the encodings that text goes through. */

/** A shorter piece of an encoding could be anything. */
const LEAST_PIECE = 8;

/**
 * What base64 makes of the value wherever it stands in a longer text: three pieces, one for each place of its first byte
 * in a group of three, without the characters that its neighbours have a part in.
 */
function base64Pieces(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const complete = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(Math.ceil((before * 8) / 6), complete);
  });
}

/** Without its quotes. */
const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1);
/** As writers of JSON do that keep to ASCII. */
const asciiJsonText = (text: string): string =>
  jsonText(text).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const htmlText = (text: string): string => text.replace(/[&<>"']/g, (character) => HTML[character] as string);

const lowerPercents = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
const percentTexts = (text: string): string[] => {
  const plain = encodeURIComponent(text);
  const strict = plain.replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', text]]).toString().slice(1);
  return [plain, encodeURIComponent(plain), encodeURI(text), strict, form].flatMap((each) => [each, lowerPercents(each)]);
};

/**
 * The value, the value without space around it, what follows the scheme in a value like `Bearer abc`, and its lines where it
 * has several: tools take values apart in these ways.
 */
function partsOf(value: string): string[] {
  const [, credentials] = /^\s*[A-Za-z][\w-]{0,30}\s+(\S+)\s*$/.exec(value) ?? [];
  const parts = [
    value,
    value.trim(),
    ...(credentials === undefined ? [] : [credentials]),
    ...value.split(/\r?\n/).map((line) => line.trim()),
  ];
  return [...new Set(parts)].filter((part) => part.length >= LEAST_PIECE);
}

function formsOfPart(text: string): string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const base64 = [bytes.toString('base64'), ...base64Pieces(bytes)];
  return [
    text,
    // With a backslash at its end, which the bare forms leave where it is.
    jsonText(text),
    htmlText(text),
    ...percentTexts(text),
    ...base64,
    ...base64.map((piece) => piece.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
    // A Buffer as JSON writes it.
    bytes.join(','),
  ];
}

export const withoutBackslashes = (text: string): string => text.replaceAll('\\', '');

export interface SecretForms {
  /** texts that are looked for as they are */
  exact: string[];
  /**
   * texts without a backslash, looked for in a text without its own: JSON within JSON within JSON escapes what was escaped,
   * however often, and differs from the value in backslashes alone
   */
  bare: string[];
}

const long = (forms: readonly string[]): string[] => [...new Set(forms)].filter((form) => form.length >= LEAST_PIECE);

/** Every form of a value that is looked for. */
export function secretForms(value: string): SecretForms {
  const parts = partsOf(value);
  return {
    exact: long(parts.flatMap(formsOfPart)),
    bare: long(parts.flatMap((part) => [part, jsonText(part), asciiJsonText(part), htmlText(part)].map(withoutBackslashes))),
  };
}
