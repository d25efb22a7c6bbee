/** Taking the values of secrets out of what is recorded, shown and logged: `[secret NAME]` stands in their place. */
import { isObject, type Json } from '@countersign/shared';
import { secretForms, withoutBackslashes } from './secret-forms.ts';

export interface Redaction {
  /** the text without the values, in any of the forms that are looked for */
  text(text: string): string;
  /** a value of JSON with each of its texts, keys and numbers redacted */
  json(value: Json): Json;
}

export const NO_REDACTION: Redaction = { text: (text) => text, json: (value) => value };

interface Form {
  text: string;
  name: string;
}

interface Forms {
  exact: Form[];
  bare: Form[];
}

interface Stretch {
  from: number;
  to: number;
  name: string;
}

function stretchesOf(text: string, forms: readonly Form[]): Stretch[] {
  const found: Stretch[] = [];
  for (const { text: form, name } of forms) {
    let last: Stretch | null = null;
    for (let from = text.indexOf(form); from !== -1; from = text.indexOf(form, from + 1)) {
      const to = from + form.length;
      if (last !== null && from < last.to) last.to = to;
      else {
        last = { from, to, name };
        found.push(last);
      }
    }
  }
  return found;
}

/** Stretches that are there but for backslashes, with the backslashes in and before them. */
function escapedStretchesOf(text: string, forms: readonly Form[]): Stretch[] {
  if (!text.includes('\\')) return [];
  const found = stretchesOf(withoutBackslashes(text), forms);
  if (found.length === 0) return [];
  // Where each character of the text without backslashes ends in the text.
  const ends = [0];
  for (let at = 0; at < text.length; at++) if (text[at] !== '\\') ends.push(at + 1);
  return found.map(({ from, to, name }) => ({ from: ends[from] as number, to: ends[to] as number, name }));
}

/** Stretches that overlap are one: what is left of a second value must not show beside the first. */
function redactText(text: string, { exact, bare }: Forms): string {
  const found = [...stretchesOf(text, exact), ...escapedStretchesOf(text, bare)].sort((a, b) => a.from - b.from || b.to - a.to);
  if (found.length === 0) return text;
  let redacted = '';
  let end = 0;
  for (const { from, to, name } of found) {
    if (from >= end) redacted += `${text.slice(end, from)}[secret ${name}]`;
    end = Math.max(end, to);
  }
  return redacted + text.slice(end);
}

/** Bytes as JSON writes a Buffer: a list of numbers. */
const isBytes = (list: readonly Json[]): list is number[] =>
  list.length > 0 && list.every((item) => typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= 255);

function redactJson(value: Json, text: (text: string) => string): Json {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') {
    const written = String(value);
    const redacted = text(written);
    return redacted === written ? value : redacted;
  }
  if (Array.isArray(value)) {
    if (isBytes(value)) {
      const written = Buffer.from(value).toString();
      const redacted = text(written);
      if (redacted !== written) return redacted;
    }
    return value.map((item) => redactJson(item, text));
  }
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), redactJson(member as Json, text)]));
  return value;
}

/** Redacts these values, by the names of their secrets. */
export function redactionOf(values: Iterable<readonly [name: string, value: string]>): Redaction {
  const forms: Forms = { exact: [], bare: [] };
  for (const [name, value] of values) {
    const { exact, bare } = secretForms(value);
    forms.exact.push(...exact.map((text) => ({ text, name })));
    forms.bare.push(...bare.map((text) => ({ text, name })));
  }
  if (forms.exact.length === 0) return NO_REDACTION;
  const text = (given: string): string => redactText(given, forms);
  return { text, json: (value) => redactJson(value, text) };
}
