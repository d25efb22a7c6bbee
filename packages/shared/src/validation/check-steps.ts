/** What all steps together must hold, and their inputs against their tools: ids, cycles, schemas. */
import { z } from 'zod';
import { findCycles } from '../graph.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { secretName, withSecrets, writtenMarkers } from '../secrets.ts';
import type { ValidationContext } from './context.ts';
import { withLinearPatterns } from './linear-patterns.ts';
import { hasReferences } from './read-references.ts';
import type { Candidate } from './read-step.ts';
import type { Path, Report } from './reading.ts';

export function reportDuplicateIds(candidates: readonly Candidate[], report: Report): void {
  const seen = new Map<string, number>();
  for (const { step, index } of candidates) {
    if (step.id === '') continue;
    const first = seen.get(step.id);
    if (first !== undefined) report(['steps', index, 'id'], 'duplicate_id', `\`${step.id}\` is the id of steps[${first}] already`);
    else seen.set(step.id, index);
  }
}

export function reportCycles(candidates: readonly Candidate[], report: Report): void {
  const position = new Map(candidates.map(({ step }, at) => [step.id, at]));
  const dependencies = candidates.map(({ step }) => step.dependsOn.map((id) => position.get(id)).filter((at) => at !== undefined));
  for (const cycle of findCycles(dependencies)) {
    const names = [...cycle, cycle[0] as number].map((at) => candidates[at]?.step.id);
    const first = candidates[cycle[0] as number];
    report(['steps', first?.index ?? 0, 'dependsOn'], 'cycle', `these steps wait for each other: ${names.join(' -> ')}`);
  }
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (current, key) => (typeof current === 'object' && current !== null ? (current as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );

/** Any text: what is wrong with it beyond that it is one is for the executor to say, who knows the value. */
const SOME_TEXT = 'secret';

/**
 * Checks inputs against the tools' schemas, as far as they are known before references have values. A secret is a text that
 * is not known yet.
 */
export function checkInputs(candidates: readonly Candidate[], { tools }: ValidationContext, report: Report): void {
  const schemas = new Map<string, z.ZodType | null>();
  for (const { step, index } of candidates) {
    const tool = tools.get(step.tool);
    if (tool === undefined) continue;
    if (!schemas.has(step.tool)) schemas.set(step.tool, compileSchema(tool.inputSchema));
    // A marker in place of the whole input is reported where secrets are.
    if (secretName(step.input) !== null) continue;
    const parsed = schemas.get(step.tool)?.safeParse(withSecrets(step.input, writtenMarkers(step.input), () => SOME_TEXT));
    for (const issue of parsed?.error?.issues ?? []) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          report(['steps', index, 'input', ...issue.path, key], 'bad_input', `\`${step.tool}\` takes no \`${key}\``);
      } else if (!isOpen(at(step.input, issue.path) as Json | undefined, issue.code)) {
        report(
          ['steps', index, 'input', ...issue.path],
          'bad_input',
          `${issue.message} (\`${step.tool}\` takes ${describeSchema(tool.inputSchema)})`,
        );
      }
    }
  }
}

/** Whether what is wrong with a value can be right once references and secrets have theirs. That a secret is text is known. */
const isOpen = (value: Json | undefined, code: string): boolean =>
  hasReferences(value) || (secretName(value) === null ? writtenMarkers(value).length > 0 : code !== 'invalid_type');

function compileSchema(schema: JsonObject): z.ZodType | null {
  const checkable = withLinearPatterns(schema);
  if (checkable === null) return null;
  try {
    return z.fromJSONSchema(checkable as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    // A schema with a keyword that can't be checked here is checked by the executor, with the values known.
    return null;
  }
}

function describeSchema(schema: JsonObject): string {
  const properties = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  return properties.length === 0 ? 'no input' : `{${properties.map((name) => (required.includes(name) ? name : `${name}?`)).join(', ')}}`;
}
