/** What steps have to do with each other and with their tools: ids, references, cycles, inputs. */
import { z } from 'zod';
import { findCycles } from '../graph.ts';
import { isObject, type JsonObject } from '../json.ts';
import { hasPlaceholder, REFERENCE_ROOTS, type Reference, walkStrings } from '../references.ts';
import type { ValidationContext } from './context.ts';
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

/** Checks that each reference names something, and turns references to steps into dependencies. */
export function linkSteps(candidates: readonly Candidate[], report: Report): void {
  // A step with a bad id has '' here, which nothing can name.
  const ids = new Set(candidates.map(({ step }) => step.id).filter((id) => id !== ''));
  for (const { step, index, references, dependencyAt } of candidates) {
    for (const [id, position] of dependencyAt) {
      if (!ids.has(id)) report(['steps', index, 'dependsOn', position], 'unknown_step', `there is no step \`${id}\``);
    }
    const known = new Set(step.dependsOn);
    for (const { reference, path } of references) {
      const problem = referenceProblem(reference, ids);
      if (problem !== null) report(path, 'unknown_reference', `{{${reference.text}}}: ${problem}`);
      else if (!REFERENCE_ROOTS.includes(reference.root) && !known.has(reference.root)) {
        known.add(reference.root);
        step.dependsOn.push(reference.root);
      }
    }
  }
}

function referenceProblem({ root, path }: Reference, ids: ReadonlySet<string>): string | null {
  if (root === 'input') return null;
  if (root === 'task') return path.length === 1 && (path[0] === 'id' || path[0] === 'objective') ? null : 'a task has `id` and `objective`';
  if (root === 'item' || root === 'index') return `\`${root}\` has a meaning only in a step with forEach`;
  if (!ids.has(root)) return `there is no step \`${root}\`; a reference starts with a step's id, \`input\` or \`task\``;
  const facet = path[0];
  if (facet === 'output' || facet === 'error') return null;
  if (facet === 'status' && path.length === 1) return null;
  if (facet === 'approval' && path[1] === 'data') return null;
  return `a step has \`output\`, \`status\`, \`error\` and \`approval.data\`: write {{${root}.output...}}`;
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

/** Whether a JSON value holds a placeholder at this path or below it. */
function unknownBelow(value: unknown): boolean {
  let found = false;
  walkStrings(value, (text) => {
    found ||= hasPlaceholder(text);
  });
  return found;
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (current, key) => (typeof current === 'object' && current !== null ? (current as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );

/** Checks inputs against the tools' schemas, as far as they are known before references have values. */
export function checkInputs(candidates: readonly Candidate[], { tools }: ValidationContext, report: Report): void {
  const schemas = new Map<string, z.ZodType | null>();
  for (const { step, index } of candidates) {
    const tool = tools.get(step.tool);
    if (tool === undefined) continue;
    if (!schemas.has(step.tool)) schemas.set(step.tool, compileSchema(tool.inputSchema));
    const parsed = schemas.get(step.tool)?.safeParse(step.input);
    for (const issue of parsed?.error?.issues ?? []) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          report(['steps', index, 'input', ...issue.path, key], 'bad_input', `\`${step.tool}\` takes no \`${key}\``);
      } else if (!unknownBelow(at(step.input, issue.path))) {
        report(
          ['steps', index, 'input', ...issue.path],
          'bad_input',
          `${issue.message} (\`${step.tool}\` takes ${describeSchema(tool.inputSchema)})`,
        );
      }
    }
  }
}

function compileSchema(schema: JsonObject): z.ZodType | null {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
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
