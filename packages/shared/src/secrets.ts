/**
 * Secrets in inputs. A **marker**, `{"$secret": "NAME"}`, stands for a value that only executors know. It counts where it is
 * **signed**: where it is written in a step's input, or in the plan's input behind a lone `{{input...}}`. A marker that comes
 * out of anything else (a step's output, an element of forEach, a text that was put together) is plain data for ever.
 */
import { isObject, type Json } from './json.ts';
import type { Step } from './plan.ts';
import { lookUp, parseTemplate, type Reference, walkStrings } from './references.ts';
import { CONDITION_TOOL, HUMAN_INPUT_TOOL } from './step-references.ts';

export const SECRET_KEY = '$secret';
export const SECRET_NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Those that ask a person or a model, and those that only work something out: what they are given comes out again. */
const SECRET_FREE_TOOLS: readonly string[] = [CONDITION_TOOL, HUMAN_INPUT_TOOL, 'llm.generate', 'data.query', 'template.render', 'wait'];

/** Whether a tool can be given secrets at all. */
export const takesSecrets = (tool: string): boolean => !SECRET_FREE_TOOLS.includes(tool);

/** The name that a marker holds; null for anything that is no marker. */
export function secretName(value: unknown): string | null {
  if (!isObject(value) || !Object.hasOwn(value, SECRET_KEY) || Object.keys(value).length !== 1) return null;
  const name = value[SECRET_KEY];
  return typeof name === 'string' && SECRET_NAME.test(name) ? name : null;
}

type Path = readonly (string | number)[];

export interface SecretPlace {
  /** of the marker in the input with its references resolved */
  path: Path;
  name: string;
}

/** Every marker that is written in a JSON value, by its place in it. */
export function writtenMarkers(value: Json | undefined, path: Path = [], found: SecretPlace[] = []): SecretPlace[] {
  const name = secretName(value);
  if (name !== null) found.push({ path, name });
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) writtenMarkers(item, [...path, index], found);
  else if (isObject(value)) for (const [key, member] of Object.entries(value)) writtenMarkers(member as Json, [...path, key], found);
  return found;
}

/** A plan's input, asked for its markers. Each of its values is searched once, however many steps refer to it. */
export interface SignedInput {
  /** the markers in what a reference stands for; none for a reference to anything but the plan's input */
  markersAt(reference: Reference): readonly SecretPlace[];
}

const NO_STEPS = new Map();

export function signedInput(planInput: Json): SignedInput {
  const known = new Map<Json, readonly SecretPlace[]>();
  return {
    markersAt(reference) {
      if (reference.root !== 'input') return [];
      const value = lookUp(reference, { input: planInput, task: { id: null, objective: '' }, steps: NO_STEPS });
      if (typeof value !== 'object' || value === null) return [];
      const found = known.get(value) ?? writtenMarkers(value);
      known.set(value, found);
      return found;
    },
  };
}

const NOTHING_SIGNED = signedInput({});

function loneReference(text: string): Reference | null {
  if (!text.startsWith('{{')) return null;
  const [only, ...more] = parseTemplate(text);
  return only?.kind === 'reference' && more.length === 0 ? only.reference : null;
}

/** Every signed marker of an input, by its place once references are resolved. What steps give is not looked at. */
export function secretPlaces(input: Json, signed: SignedInput = NOTHING_SIGNED): SecretPlace[] {
  const places = writtenMarkers(input);
  walkStrings(input, (text, path) => {
    const reference = loneReference(text);
    if (reference === null) return;
    for (const found of signed.markersAt(reference)) places.push({ path: [...path, ...found.path], name: found.name });
  });
  return places;
}

/** The names of the secrets that an input asks for, each once, sorted. `signed`: the plan's input, which it may refer to. */
export const secretNames = (input: Json, signed: SignedInput = NOTHING_SIGNED): string[] =>
  [...new Set(secretPlaces(input, signed).map(({ name }) => name))].sort();

type Asking = Pick<Step, 'tool' | 'input'>;

/** The signed markers of a step; none where its tool takes none. */
export const stepSecrets = ({ tool, input }: Asking, signed: SignedInput): SecretPlace[] =>
  takesSecrets(tool) ? secretPlaces(input, signed) : [];

/** The names of the secrets that the steps of a plan ask for, by step; only the steps that ask for some. */
export function secretsByStep({ steps, input }: { steps: readonly (Asking & { id: string })[]; input: Json }): Map<string, string[]> {
  const signed = signedInput(input);
  const found = new Map<string, string[]>();
  for (const step of steps) {
    const names = takesSecrets(step.tool) ? secretNames(step.input, signed) : [];
    if (names.length > 0) found.set(step.id, names);
  }
  return found;
}

/** Like `uses secret GITHUB_TOKEN`. */
export const usesSecretsWords = (names: readonly string[]): string =>
  `uses ${names.length === 1 ? 'secret' : 'secrets'} ${names.join(', ')}`;

/** A copy with another value in each place. Throws an Error where there is no such place, or what stands there is not expected. */
function replaced(value: Json, places: readonly SecretPlace[], put: (found: Json, name: string) => Json): Json {
  // Two references to one value share it, which other ways of copying would keep.
  const copy: { whole: Json } = { whole: JSON.parse(JSON.stringify(value)) as Json };
  for (const { path, name } of places) {
    let parent: Record<PropertyKey, Json> = copy;
    let key: PropertyKey = 'whole';
    for (const next of path) {
      const below: Json | undefined = parent[key];
      if (typeof below !== 'object' || below === null || !Object.hasOwn(below, next))
        throw new Error(`there is no ${JSON.stringify(next)} in the input: it is not the one whose secrets were looked for`);
      parent = below as Record<PropertyKey, Json>;
      key = next;
    }
    parent[key] = put(parent[key] as Json, name);
  }
  return copy.whole;
}

/**
 * A resolved input with something else in the places of its secrets. What was passed stays as it is. Throws an Error where a
 * place does not hold its marker.
 */
export function withSecrets(resolved: Json, places: readonly SecretPlace[], standFor: (name: string) => string): Json {
  if (places.length === 0) return resolved;
  return replaced(resolved, places, (found, name) => {
    if (secretName(found) !== name) throw new Error(`the marker of the secret ${name} is not in its place`);
    return standFor(name);
  });
}

/** The way back: the markers in their places again. */
export const withMarkers = (filled: Json, places: readonly SecretPlace[]): Json =>
  replaced(filled, places, (_, name) => ({ [SECRET_KEY]: name }));

/** What stands for a secret where a tool is asked beforehand: a placeholder, which tools take for a value still to come. */
export const secretStandIn = (name: string): string => `{{secret.${name}}}`;
