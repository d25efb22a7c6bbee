/**
 * References: `{{input.root}}`, `{{list.output.files[0]}}`. A template is parsed into text and references; resolving is
 * one pass, so that nothing a value contains is ever expanded again.
 */
import { isObject, type Json } from './json.ts';

export interface Reference {
  /** `input`, `task`, `item`, `index` or the id of a step */
  root: string;
  path: readonly (string | number)[];
  /** as written, without the braces */
  text: string;
}

export type TemplatePart =
  | { kind: 'text'; text: string }
  | { kind: 'reference'; reference: Reference }
  | { kind: 'malformed'; text: string; message: string };

/** The roots that are not steps. */
export const REFERENCE_ROOTS: readonly string[] = ['input', 'task', 'item', 'index'];

const NAME = /[A-Za-z0-9_$-]+/y;
const QUOTED_KEY = /\[\s*(?:"(?:[^"\\]|\\.)*"|'[^'\\]*')\s*\]/y;

/** A list's index where the text is one; else the key itself, which a number would not give back (`007`, 30 digits). */
const indexOr = (text: string): string | number => (String(Number(text)) === text && /^[0-9]+$/.test(text) ? Number(text) : text);

/** Where the `}}` stands that closes a placeholder whose inside starts at `from`; -1 when none does. A quoted key may hold `}}`. */
export function placeholderEnd(template: string, from: number): number {
  for (let at = from; at < template.length; at++) {
    if (template.startsWith('}}', at)) return at;
    if (template[at] !== '[') continue;
    QUOTED_KEY.lastIndex = at;
    if (QUOTED_KEY.test(template)) at = QUOTED_KEY.lastIndex - 1;
  }
  return -1;
}

/** Reads one path like `list.output["any key"][0]`. A string is what is wrong with it. */
export function parseReference(text: string): Reference | string {
  const source = text.trim();
  if (source === '') return 'the placeholder is empty';
  NAME.lastIndex = 0;
  const root = NAME.exec(source)?.[0];
  if (root === undefined) return `a placeholder starts with a name, not with ${JSON.stringify(source[0])}`;
  const path: (string | number)[] = [];
  let at = root.length;
  while (at < source.length) {
    if (source[at] === '.') {
      NAME.lastIndex = at + 1;
      const name = NAME.exec(source)?.[0];
      if (name === undefined) return `a name must follow the '.' at position ${at + 1}`;
      path.push(indexOr(name));
      at = NAME.lastIndex;
    } else if (source[at] === '[') {
      const match = /^\[\s*(?:(\d+)|("(?:[^"\\]|\\.)*")|'((?:[^'\\])*)')\s*\]/.exec(source.slice(at));
      if (match === null) return `at position ${at + 1}: expected [0] or ["a key"]`;
      if (match[1] !== undefined) path.push(indexOr(match[1]));
      else if (match[3] !== undefined) path.push(match[3]);
      else {
        try {
          path.push(JSON.parse(match[2] ?? '""') as string);
        } catch {
          return `at position ${at + 1}: ${match[2]} is not a JSON string`;
        }
      }
      at += match[0].length;
    } else {
      return `unexpected ${JSON.stringify(source[at])} at position ${at + 1}`;
    }
  }
  return { root, path, text: source };
}

/** Splits a template into its parts. An unclosed `{{` is text; `\{{` writes `{{`. */
export function parseTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let text = '';
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    if (open === -1) break;
    if (open > 0 && template[open - 1] === '\\' && open - 1 >= at) {
      text += `${template.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    const close = placeholderEnd(template, open + 2);
    if (close === -1) break;
    text += template.slice(at, open);
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
    const inside = template.slice(open + 2, close);
    const reference = parseReference(inside);
    if (typeof reference === 'string') parts.push({ kind: 'malformed', text: inside, message: reference });
    else parts.push({ kind: 'reference', reference });
    at = close + 2;
  }
  text += template.slice(at);
  if (text !== '') parts.push({ kind: 'text', text });
  return parts;
}

export const hasPlaceholder = (text: string): boolean => text.includes('{{') && parseTemplate(text).some((part) => part.kind !== 'text');

/** Calls `visit` for every string in a JSON value (not for keys) with the path to it. */
export function walkStrings(
  value: unknown,
  visit: (text: string, path: (string | number)[]) => void,
  path: (string | number)[] = [],
): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) walkStrings(item, visit, [...path, index]);
  else if (isObject(value)) for (const [key, member] of Object.entries(value)) walkStrings(member, visit, [...path, key]);
}

/** Every reference in a JSON value, in order of appearance. */
export function referencesIn(value: unknown): Reference[] {
  const found: Reference[] = [];
  walkStrings(value, (text) => {
    if (!text.includes('{{')) return;
    for (const part of parseTemplate(text)) if (part.kind === 'reference') found.push(part.reference);
  });
  return found;
}

/** Whether resolving can change a JSON value: somewhere in it stands a placeholder, or a `\{{` that writes two braces. */
export function isTemplate(value: unknown): boolean {
  let found = false;
  walkStrings(value, (text) => {
    found ||= text.includes('\\{{') || hasPlaceholder(text);
  });
  return found;
}

/** What references can see. `outputs` and so on are by step id; what is not there is missing, which reads as null. */
export interface ReferenceScope {
  input: Json;
  task: { id: string | null; objective: string };
  steps: ReadonlyMap<string, { output?: Json; status?: string; error?: Json; approvalData?: Json }>;
  item?: Json;
  index?: number;
}

function follow(value: Json | undefined, path: readonly (string | number)[]): Json | undefined {
  let current = value;
  for (const part of path) {
    if (Array.isArray(current)) current = typeof part === 'number' ? current[part] : undefined;
    else if (isObject(current))
      current = Object.hasOwn(current, String(part)) ? (current as Record<string, Json>)[String(part)] : undefined;
    else return undefined;
  }
  return current;
}

/** The value that a reference stands for; undefined when it is missing. */
export function lookUp({ root, path }: Reference, scope: ReferenceScope): Json | undefined {
  if (root === 'input') return follow(scope.input, path);
  if (root === 'task') return follow({ id: scope.task.id, objective: scope.task.objective }, path);
  if (root === 'item') return follow(scope.item, path);
  if (root === 'index') return path.length === 0 ? scope.index : undefined;
  const step = scope.steps.get(root);
  if (step === undefined) return undefined;
  const [facet, ...rest] = path;
  if (facet === 'output') return follow(step.output, rest);
  if (facet === 'status') return rest.length === 0 ? step.status : undefined;
  if (facet === 'error') return follow(step.error, rest);
  if (facet === 'approval' && rest[0] === 'data') return follow(step.approvalData, rest.slice(1));
  return undefined;
}

/** A value inside a longer text: objects as JSON, null and missing as ''. */
export function renderText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function resolveText(template: string, scope: ReferenceScope): Json {
  if (!template.includes('{{')) return template;
  const parts = parseTemplate(template);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'reference') return lookUp(only.reference, scope) ?? null;
  return parts
    .map((part) => {
      if (part.kind === 'text') return part.text;
      return part.kind === 'reference' ? renderText(lookUp(part.reference, scope)) : `{{${part.text}}}`;
    })
    .join('');
}

/** The same value with each of its strings replaced; keys stay as they are. */
export function mapStrings(value: Json, replace: (text: string) => Json): Json {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, replace));
  if (isObject(value)) {
    // A null prototype, so that a key like `__proto__` is data.
    const mapped: Record<string, Json> = Object.create(null);
    for (const [key, member] of Object.entries(value)) mapped[key] = mapStrings(member as Json, replace);
    return { ...mapped };
  }
  return value;
}

/** Replaces every placeholder in the strings of a JSON value; keys stay as they are. */
export const resolveReferences = (value: Json, scope: ReferenceScope): Json => mapStrings(value, (text) => resolveText(text, scope));
