/** The form in which a model answers, and how it becomes a draft. */
import type { OutputSchema } from '@countersign/llm';
import { type Issue, isObject, type Json, type JsonObject, type Step, type ToolContract } from '@countersign/shared';
import { draftOfStep, readStep, record, stepSchema } from './step-form.ts';

/** OpenAI takes at most 1,000 values of enums in a schema; the names beyond that are checked by validation alone. */
const MOST_ENUM_VALUES = 500;

const text = (description: string): JsonObject => ({ type: 'string', description });

/** The schema of a plan; of a plan that is there already with `revising`, whose steps can be kept by their ids. */
export function replySchema(tools: readonly ToolContract[], { revising }: { revising: boolean }): OutputSchema {
  const names = tools.map(({ name }) => name);
  const step = stepSchema({ type: 'string', ...(names.length <= MOST_ENUM_VALUES ? { enum: names } : {}) });
  const kept = record({ keep: text('the id of a step of the current plan that stays exactly as it is') });
  return {
    name: 'plan',
    schema: record({
      problem: text('empty, or why no plan with these tools can do what is asked; then `steps` is empty'),
      description: text('in two or three sentences for the person who approves the plan: what it does and why in this way'),
      steps: { type: 'array', items: revising ? { anyOf: [kept, step] } : step },
    }),
  };
}

export interface ReadReply {
  /** why the model says that there is no plan; '' where there is one */
  problem: string;
  /** '' where there is none */
  description: string;
  /** for `validatePlan`, which finds what is wrong with them */
  steps: Json;
  issues: Issue[];
}

const said = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** Takes a reply apart. `current`: the steps of the plan that is written anew. */
export function readReply(reply: JsonObject, current: readonly Step[] = []): ReadReply {
  const issues: Issue[] = [];
  const byId = new Map(current.map((step) => [step.id, step]));
  const read = (step: Json, index: number): Json => {
    if (!isObject(step)) return step;
    const written = step as JsonObject;
    if (byId.size > 0 && typeof written.keep === 'string' && Object.keys(written).length === 1) {
      return readKept(written.keep, { index, byId, issues });
    }
    return withInherited(readStep(written, index, issues), byId);
  };
  const steps = Array.isArray(reply.steps) ? reply.steps.map(read) : (reply.steps ?? null);
  return { problem: said(reply.problem).trim(), description: said(reply.description), steps, issues };
}

function readKept(id: string, { index, byId, issues }: { index: number; byId: ReadonlyMap<string, Step>; issues: Issue[] }): Json {
  const step = byId.get(id);
  if (step !== undefined) return draftOfStep(step);
  const message = `the current plan has no step \`${id.slice(0, 100)}\` that could be kept; it has ${[...byId.keys()].slice(0, 50).join(', ')}`;
  issues.push({ path: `steps[${index}]`, code: 'unknown_step', message });
  return {};
}

/**
 * What a step says nothing of is as it was while it calls the same tool: defaults filled in anew could differ from those
 * that were filled in then, and a completed step would run again for it.
 */
function withInherited(step: JsonObject, byId: ReadonlyMap<string, Step>): JsonObject {
  const before = byId.get(said(step.id));
  if (before === undefined || before.tool !== step.tool) return step;
  const { retry, timeoutMs, onError } = before;
  return { retry, timeoutMs, onError, ...step };
}
