/**
 * What the rules make of feedback.
 *
 *     feedback     = new wording | further clauses
 *     new wording  = "instead" objective | objective "instead"
 *     further      = [ joiner | sequencer ] objective
 *
 * Further clauses wait for all that is there and can refer to it ("then write everything to report.md"); with a joiner
 * before them ("also count the lines in docs") they wait only for what they refer to. The steps that are there stay as
 * they are. A new wording replaces the steps; those that come out the same keep what people have put into them.
 */
import { canonicalJson, LIMITS, type StepDraft, shorten } from '@countersign/shared';
import type { PlanAnswer, RevisionRequest } from '../planner.ts';
import { draftOfStep } from '../step-form.ts';
import { beginsWithJoiner } from './clauses.ts';
import type { Groundwork } from './compose.ts';
import { readClauses, readObjective, sizeText } from './read-objective.ts';
import type { Source } from './results.ts';
import { tokenise } from './tokens.ts';

const INSTEAD_FIRST = /^\s*instead\b[\s,:]*/i;
const INSTEAD_LAST = /[\s,]+instead\s*[.!]?\s*$/i;
const FEEDBACK_SHOWN = 300;

type Revision = { answer: PlanAnswer; reply: string | null };

export function reviseByRules(request: RevisionRequest): Revision {
  const wording = request.feedback.replace(INSTEAD_FIRST, '').replace(INSTEAD_LAST, '');
  return wording === request.feedback ? addClauses(request) : wordAnew(request, wording);
}

const draftOf = ({ objective, input, options }: RevisionRequest) => ({ objective, input, options });
const currentSteps = ({ plan }: RevisionRequest): StepDraft[] => plan.steps.map((step) => draftOfStep(step) as unknown as StepDraft);
const quoted = (text: string): string => `"${shorten(text.trim().replace(/\s+/g, ' '), FEEDBACK_SHOWN)}"`;

function addClauses(request: RevisionRequest): Revision {
  const { feedback, plan } = request;
  const before = currentSteps(request);
  const reading = readClauses(feedback, request, { before, groundwork: groundworkOf(request, beginsWithJoiner(tokenise(feedback))) });
  if (!reading.ok) return refused(reading);
  const added = `Added by fixed rules for the feedback ${quoted(feedback)}: ${sizeText(reading.composition)}.`;
  const description = `${shorten(plan.description, LIMITS.textLength - added.length - 1)} ${added}`.trim();
  return { answer: { ok: true, draft: { ...draftOf(request), description, steps: reading.steps } }, reply: reading.reply };
}

/** Feedback can refer to what the plan's last steps give: those that no other step waits for. */
function groundworkOf({ plan, tools }: RevisionRequest, alongside: boolean): Groundwork {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const sources: Source[] = plan.steps.flatMap(({ id, tool, input, description }) => {
    const contract = byName.get(tool);
    return contract === undefined ? [] : [{ id, tool: contract, input, description }];
  });
  const awaited = new Set(plan.steps.flatMap(({ dependsOn }) => dependsOn));
  const last = sources.filter(({ id }) => !awaited.has(id));
  const taken = plan.steps.map(({ id }) => id);
  return alongside
    ? { taken, sameStage: last, stageBefore: [], earlier: sources.filter((source) => !last.includes(source)) }
    : { taken, sameStage: [], stageBefore: last, earlier: sources };
}

function wordAnew(request: RevisionRequest, wording: string): Revision {
  const reading = readObjective(wording, request);
  if (!reading.ok) return refused(reading);
  const current = new Map(currentSteps(request).map((step) => [step.id, step]));
  const steps = reading.steps.map((step) => {
    const before = current.get(step.id);
    return before !== undefined && essenceOf(before) === essenceOf(step) ? before : step;
  });
  // Steps that are all as they were are no change, so that their description must not make one of it.
  const same = canonicalJson(steps) === canonicalJson([...current.values()]);
  const description = same ? request.plan.description : `${reading.description} They were asked for anew: ${quoted(request.feedback)}.`;
  return { answer: { ok: true, draft: { ...draftOf(request), description, steps } }, reply: reading.reply };
}

const essenceOf = ({ tool, input = {}, dependsOn = [] }: StepDraft): string => canonicalJson([tool, input, [...dependsOn].sort()]);

function refused({ error, reply }: { error: { code: string; message: string; detail: object }; reply: string | null }): Revision {
  const message = `the rules read feedback as something more to do ("then write everything to report.md", "also count the lines in docs"), or, with "instead", as a new objective. Of this one, ${error.message}`;
  return { answer: { ok: false, error: { ...error, message } as never }, reply };
}
