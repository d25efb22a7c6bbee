/** The form in which a model answers, and how it becomes a draft. */
import type { OutputSchema } from '@countersign/llm';
import { type Issue, isObject, type Json, type JsonObject, LIMITS, pathText, type Step } from '@countersign/shared';
import { type CallForm, record } from './call-form.ts';
import { draftOfStep, type ReportUnread, readStep, stepSchema } from './step-form.ts';

const text = (description: string): JsonObject => ({ type: 'string', description });

/** The schema of a plan; of a plan that is there already with `revising`, whose steps can be kept by their ids. */
export function replySchema(calls: CallForm, { revising }: { revising: boolean }): OutputSchema {
  const step = stepSchema(calls);
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

export const SUMMARY_SCHEMA: OutputSchema = {
  name: 'summary',
  schema: record({ response: text(`plain text, at most ${LIMITS.textLength} characters`) }),
};

export interface ReadReply {
  /** why the model says that there is no plan; '' where there is one */
  problem: string;
  /** '' where there is none */
  description: string;
  /** for `validatePlan`, which finds what is wrong with them */
  steps: Json;
  issues: Issue[];
  /** what could not be read, by the path of its issue: something empty stands in its place */
  unread: ReadonlyMap<string, Json>;
}

const said = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** What a reply is read with. */
interface Reading {
  calls: CallForm;
  /** the steps of the plan that is written anew */
  current?: readonly Step[];
  /** the ids of those that the model was not shown in full */
  cut?: ReadonlySet<string>;
}

/** Takes a reply apart. */
export function readReply(reply: JsonObject, { calls, current = [], cut = new Set() }: Reading): ReadReply {
  const issues: Issue[] = [];
  const unread = new Map<string, Json>();
  const report: ReportUnread = ({ code, message }, at, got) => {
    const path = pathText(at);
    issues.push({ path, code, message });
    unread.set(path, got);
  };
  const byId = new Map(current.map((step) => [step.id, step]));
  const read = (step: Json, index: number): Json => {
    if (!isObject(step)) return step;
    const written = step as JsonObject;
    if (byId.size > 0 && typeof written.keep === 'string' && Object.keys(written).length === 1) {
      const kept = byId.get(written.keep);
      if (kept !== undefined) return draftOfStep(kept);
      report({ code: 'unknown_step', message: notThere(written.keep, byId) }, ['steps', index], step);
      return {};
    }
    const anew = readStep(written, { index, report, calls });
    const id = said(anew.id);
    if (cut.has(id)) report({ code: 'bad_id', message: notShown(id) }, ['steps', index, 'id'], id);
    return withInherited(anew, byId);
  };
  const steps = Array.isArray(reply.steps) ? reply.steps.map(read) : (reply.steps ?? null);
  return { problem: said(reply.problem).trim(), description: said(reply.description), steps, issues, unread };
}

const notThere = (id: string, byId: ReadonlyMap<string, Step>): string =>
  `the current plan has no step \`${id.slice(0, 100)}\` that could be kept; it has ${[...byId.keys()].slice(0, 50).join(', ')}`;

/** Were it written anew, a gate or a condition that the model did not see would be gone, and nobody asked for that. */
const notShown = (id: string): string =>
  `the step \`${id}\` was not shown in full, so it can't be written anew: keep it with {"keep": "${id}"}, leave it out, or give the new step another id`;

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
