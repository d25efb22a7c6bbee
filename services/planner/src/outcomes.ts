/** What became of a plan's steps, as data for a prompt: one JSON object a line. */
import { isEndedPlan, type JsonObject, type Plan, type StepView, shorten } from '@countersign/shared';
import { shortenJson } from './shorten-json.ts';

/** Characters of all outputs together, of one, and of one however many there are. */
const ALL_OUTPUTS = 60_000;
const ONE_OUTPUT = 4_000;
const LEAST_OUTPUT = 200;
/** Characters of all lines together. */
const ALL_LINES = 120_000;
const TEXT_LENGTH = 1_000;

/** Whether there is anything to say: some step has run, or will not. */
export const hasOutcomes = ({ steps }: Plan): boolean => steps.some(({ status }) => status !== 'pending');

/** How the plan ended, then its steps: those that failed first, then the others in their order. */
export function outcomeLines(plan: Plan): string {
  const failed = plan.steps.filter(({ status }) => status === 'failed');
  const others = plan.steps.filter(({ status }) => status !== 'failed');
  const completed = plan.steps.filter(({ status }) => status === 'completed').length;
  const outputLength = Math.max(LEAST_OUTPUT, Math.min(ONE_OUTPUT, Math.floor(ALL_OUTPUTS / Math.max(1, completed))));
  const lines = [JSON.stringify(endOf(plan))];
  let length = 0;
  for (const [index, step] of [...failed, ...others].entries()) {
    const line = JSON.stringify(outcomeOf(step, outputLength));
    length += line.length;
    if (length > ALL_LINES) {
      lines.push(JSON.stringify({ moreSteps: plan.steps.length - index }));
      break;
    }
    lines.push(line);
  }
  return lines.join('\n');
}

function endOf({ status, error }: Plan): JsonObject {
  return {
    plan: isEndedPlan(status) ? status : 'has not ended',
    ...(error === null ? {} : { error: shorten(error.message, TEXT_LENGTH) }),
  };
}

function outcomeOf(step: StepView, outputLength: number): JsonObject {
  const { id, tool, status, output, error, reason, resolvedInput, gate } = step;
  return {
    step: id,
    tool,
    status,
    ...(status === 'completed' ? { output: shortenJson(output, outputLength) } : {}),
    ...(status === 'failed' && resolvedInput !== null ? { input: shortenJson(resolvedInput, TEXT_LENGTH) } : {}),
    ...(error === null ? {} : { error: { code: error.code, message: shorten(error.message, TEXT_LENGTH) } }),
    ...(reason === null ? {} : { reason: shorten(reason.text, TEXT_LENGTH) }),
    ...(gate === null || gate.decision === null ? {} : { gate: gate.decision, comments: commentsOf(gate.votes) }),
  };
}

const commentsOf = (votes: NonNullable<StepView['gate']>['votes']): string[] =>
  votes.flatMap(({ comment }) => (comment === null ? [] : [shorten(comment, TEXT_LENGTH)]));
