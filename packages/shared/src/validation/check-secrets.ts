/** Where secrets may stand: whole values of a step's input, or of the plan's input behind a lone placeholder. */
import { isObject, type JsonObject } from '../json.ts';
import { parseTemplate, walkStrings } from '../references.ts';
import { SECRET_KEY, type SignedInput, secretName, secretPlaces, signedInput, takesSecrets, writtenMarkers } from '../secrets.ts';
import { CONDITION_TOOL } from '../step-references.ts';
import type { Candidate } from './read-step.ts';
import { type Path, type Report, typeName } from './reading.ts';

const FORM = `a secret is written {"${SECRET_KEY}": "NAME"}`;

function markerProblem(value: Record<string, unknown>): string {
  const others = Object.keys(value).filter((key) => key !== SECRET_KEY);
  if (others.length > 0)
    return `${FORM}, with no other key; this one has ${others
      .slice(0, 5)
      .map((key) => JSON.stringify(key.slice(0, 100)))
      .join(', ')} too`;
  const name = value[SECRET_KEY];
  if (typeof name !== 'string') return `${FORM}, got ${typeName(name)} for the name`;
  if (name.includes('{{')) return `${FORM}, and its name is no template: what is signed says which secret it is`;
  return `${FORM}; a name has capital letters, digits and '_', begins with a letter, and has at most 64 of them`;
}

/** Reports every object with the key `$secret` that is no marker, and a marker in place of the whole input. `path` is the input's. */
export function reportMalformedMarkers(input: unknown, path: Path, report: Report): void {
  if (isObject(input) && Object.hasOwn(input, SECRET_KEY)) {
    report(path, 'bad_input', `an input is an object of values; ${FORM} in the place of one of them`);
    return;
  }
  walkMalformed(input, path, report);
}

function walkMalformed(value: unknown, path: Path, report: Report): void {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) walkMalformed(item, [...path, index], report);
  else if (isObject(value)) {
    if (!Object.hasOwn(value, SECRET_KEY)) for (const [key, member] of Object.entries(value)) walkMalformed(member, [...path, key], report);
    else if (secretName(value) === null) report(path, 'bad_input', markerProblem(value));
  }
}

/** A text that is more than one placeholder can't hold a secret: what it comes to is text, and stays in the record. */
function reportSecretsInText({ step, index }: Candidate, signed: SignedInput, report: Report): void {
  walkStrings(step.input, (text, path) => {
    if (!text.includes('{{')) return;
    const parts = parseTemplate(text);
    if (parts.length === 1) return;
    for (const part of parts) {
      if (part.kind !== 'reference' || signed.markersAt(part.reference).length === 0) continue;
      const message = `{{${part.reference.text}}} is a secret, which can't be a part of a longer text: write the placeholder alone, and keep the whole text in the secret`;
      report(['steps', index, 'input', ...path], 'bad_input', message);
    }
  });
}

function reportSecretsInList({ step, index }: Candidate, signed: SignedInput, report: Report): void {
  const path = ['steps', index, 'forEach'];
  walkMalformed(step.forEach, path, report);
  if (secretPlaces(step.forEach, signed).length === 0) return;
  report(path, 'bad_input', "a list of forEach holds no secrets: its elements are data; write the secret in the step's input");
}

/** Markers in the input of a plan: each step that refers to it whole has as many. */
const MOST_IN_INPUT = 100;

/** Checks the form of the secrets in the plan's input, and the secrets of all steps. */
export function checkSecrets(candidates: readonly Candidate[], planInput: JsonObject, report: Report): void {
  reportMalformedMarkers(planInput, ['input'], report);
  const inInput = writtenMarkers(planInput).length;
  if (inInput > MOST_IN_INPUT) {
    report(['input'], 'limit_exceeded', `may hold ${MOST_IN_INPUT} secrets, holds ${inInput}`);
    return;
  }
  const signed = signedInput(planInput);
  for (const candidate of candidates) {
    const { step, index } = candidate;
    reportMalformedMarkers(step.input, ['steps', index, 'input'], report);
    reportSecretsInList(candidate, signed, report);
    // A condition's expression is no template: it reads what the plan's input says, the name of a secret included.
    const isCondition = step.tool === CONDITION_TOOL;
    if (!isCondition) reportSecretsInText(candidate, signed, report);
    if (takesSecrets(step.tool)) continue;
    for (const { path } of isCondition ? writtenMarkers(step.input) : secretPlaces(step.input, signed))
      report(['steps', index, 'input', ...path], 'bad_input', `\`${step.tool}\` takes no secrets: what it is given comes out of it again`);
  }
}
