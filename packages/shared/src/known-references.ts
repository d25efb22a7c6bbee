/** What can be said of a template before its plan starts: the plan's input and its task are known, what steps give is not. */
import type { Json } from './json.ts';
import { lookUp, mapStrings, parseTemplate, type Reference, type ReferenceScope, renderText } from './references.ts';

export type KnownScope = Pick<ReferenceScope, 'input' | 'task'>;

const KNOWN_ROOTS: readonly string[] = ['input', 'task'];

export const isKnownBeforeStart = ({ root }: Reference): boolean => KNOWN_ROOTS.includes(root);

const NO_STEPS: ReferenceScope['steps'] = new Map();

function resolveText(template: string, scope: ReferenceScope): Json {
  if (!template.includes('{{')) return template;
  const parts = parseTemplate(template);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'reference' && isKnownBeforeStart(only.reference)) return lookUp(only.reference, scope) ?? null;
  return parts
    .map((part) => {
      if (part.kind === 'text') return part.text;
      if (part.kind === 'malformed') return `{{${part.text}}}`;
      return isKnownBeforeStart(part.reference) ? renderText(lookUp(part.reference, scope)) : `{{${part.reference.text}}}`;
    })
    .join('');
}

/**
 * Replaces the placeholders in the strings of a JSON value that are known before the start, as resolving does. Those that
 * name a step, `item` or `index` stay as text. The result is for reading: it is never resolved again.
 */
export const resolveKnown = (value: Json, { input, task }: KnownScope): Json =>
  mapStrings(value, (text) => resolveText(text, { input, task, steps: NO_STEPS }));
