/** What steps have to do with each other: what they name is there, and what they name they wait for. */
import type { IssueCode } from '../issue.ts';
import { isObject } from '../json.ts';
import { REFERENCE_ROOTS } from '../references.ts';
import { CONDITION_TOOL, HUMAN_INPUT_TOOL } from '../step-references.ts';
import type { ValidationContext } from './context.ts';
import { pathProblem } from './possible-paths.ts';
import { type FoundReference, hasReferences } from './read-references.ts';
import type { Candidate } from './read-step.ts';
import type { Report } from './reading.ts';

interface Steps {
  byId: ReadonlyMap<string, Candidate>;
  context: ValidationContext;
}
interface Problem {
  code: IssueCode;
  message: string;
}

const unknown = (message: string): Problem => ({ code: 'unknown_reference', message });

/** Checks that each name means something, and turns references and branches into dependencies. */
export function linkSteps(candidates: readonly Candidate[], context: ValidationContext, report: Report): void {
  const byId = new Map<string, Candidate>();
  // A step with a bad id has '' here, which nothing can name.
  for (const candidate of candidates) if (candidate.step.id !== '' && !byId.has(candidate.step.id)) byId.set(candidate.step.id, candidate);
  const waitsFor = new Map(candidates.map((candidate) => [candidate, new Set(candidate.step.dependsOn)]));
  for (const candidate of candidates) {
    const { step, index, references, dependencyAt } = candidate;
    for (const [id, position] of dependencyAt) {
      if (!byId.has(id)) report(['steps', index, 'dependsOn', position], 'unknown_step', `there is no step \`${id}\``);
    }
    for (const found of references) {
      const { reference, path } = found;
      const problem = referenceProblem(found, candidate, { byId, context });
      if (problem !== null) report(path, problem.code, `{{${reference.text}}}: ${problem.message}`);
      else if (!REFERENCE_ROOTS.includes(reference.root) && reference.root !== step.id) waitsFor.get(candidate)?.add(reference.root);
    }
  }
  // Behind the dependencies of all references: the order of a step's dependencies is part of what is signed.
  for (const { step, index, branches } of candidates) {
    for (const side of ['ifTrue', 'ifFalse'] as const) {
      for (const [id, position] of branches[side]) {
        const target = byId.get(id);
        if (target === undefined) report(['steps', index, side, position], 'unknown_step', `there is no step \`${id}\``);
        else if (step.id !== '') waitsFor.get(target)?.add(step.id);
      }
    }
  }
  for (const [{ step }, ids] of waitsFor) step.dependsOn = [...ids];
}

function referenceProblem(found: FoundReference, by: Candidate, steps: Steps): Problem | null {
  const { root, path } = found.reference;
  if (root === 'input') {
    const problem = pathProblem(steps.context.inputSchema, path, 'input');
    return problem === null ? null : unknown(problem);
  }
  if (root === 'task')
    return path.length === 1 && (path[0] === 'id' || path[0] === 'objective') ? null : unknown('a task has `id` and `objective`');
  if (root === 'item' || root === 'index') {
    if (found.part !== 'input' || by.step.forEach === null)
      return unknown(`\`${root}\` has a meaning only in the input of a step with forEach`);
    return root === 'index' && path.length > 0 ? unknown('`index` is a number: nothing lies below it') : null;
  }
  const target = steps.byId.get(root);
  if (target === undefined) return unknown(`there is no step \`${root}\`; a reference starts with a step's id, \`input\` or \`task\``);
  return facetProblem(found, target, { own: root === by.step.id, steps });
}

const STEP_ERROR_SCHEMA = {
  type: 'object',
  properties: { code: { type: 'string' }, message: { type: 'string' }, retryable: { type: 'boolean' } },
  additionalProperties: false,
};

function facetProblem(
  { reference, part }: FoundReference,
  { step }: Candidate,
  { own, steps }: { own: boolean; steps: Steps },
): Problem | null {
  const { root, path } = reference;
  const [facet, ...rest] = path;
  if (facet === 'approval' && rest[0] === 'data') {
    if (step.approval === null) return unknown(`\`${root}\` is no gate, so nobody gives it data; give it an \`approval\``);
    const asksLater = own && (part === 'when' || part === 'question');
    return asksLater ? unknown('this is read before anybody is asked; the data of its own gate can stand in its input') : null;
  }
  const known = facet === 'output' || facet === 'error' || (facet === 'status' && path.length === 1);
  if (!known) return unknown(`a step has \`output\`, \`status\`, \`error\` and \`approval.data\`: write {{${root}.output...}}`);
  if (own) {
    const message = `the step would wait for itself: ${root} -> ${root}; of itself it can read only \`approval.data\`, when it is a gate`;
    return { code: 'cycle', message };
  }
  if (facet === 'status') return null;
  const schema = facet === 'error' ? STEP_ERROR_SCHEMA : outputSchema(step, steps.context);
  const problem = pathProblem(schema, rest, `${root}.${facet}`);
  return problem === null ? null : unknown(problem);
}

/** The schema of what a step gives; undefined where nobody says. */
function outputSchema({ tool, input, forEach }: Candidate['step'], { tools }: ValidationContext): unknown {
  const answer = tool === HUMAN_INPUT_TOOL && isObject(input.schema) && !hasReferences(input.schema) ? input.schema : undefined;
  const one = tool === CONDITION_TOOL ? { type: 'boolean' } : (answer ?? tools.get(tool)?.outputSchema ?? undefined);
  return forEach === null ? one : { type: 'array', items: one };
}
