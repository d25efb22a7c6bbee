/** The answers of people to `human.input` steps. */
import { byteLength, HUMAN_INPUT_TOOL, type Issue, isObject, type Json, type JsonObject, LIMITS, type StepView } from '@countersign/shared';
import { compileSchema } from '@countersign/tools';
import { type Answer, problem } from './answer.ts';
import { summaryOf } from './issues.ts';
import type { Call } from './operation.ts';

/** What is asked for: the schema as the executor resolved it, else as it was written. */
function schemaOf({ input, resolvedInput }: Pick<StepView, 'input' | 'resolvedInput'>): JsonObject | null {
  const { schema } = isObject(resolvedInput) ? resolvedInput : input;
  return isObject(schema) ? (schema as JsonObject) : null;
}

function schemaIssues(schema: JsonObject, data: Json): Issue[] {
  try {
    return compileSchema(schema, { field: "the step's schema", untrusted: true }).issues(data, 'data');
  } catch (error) {
    const message = `no answer can be checked, because ${(error as Error).message}; reject the gate, or skip the step`;
    return [{ path: 'data', code: 'bad_input', message }];
  }
}

function answerIssues(step: StepView, data: Json | undefined): Issue[] {
  if (data === undefined) {
    // Who approves after another answered may let that answer stand.
    if (step.gate !== null && step.gate.data !== null) return [];
    return [
      { path: 'data', code: 'bad_input', message: `is missing; it must be the answer to ${JSON.stringify(step.gate?.message ?? '')}` },
    ];
  }
  const bytes = byteLength(JSON.stringify(data));
  if (bytes > LIMITS.outputBytes)
    return [{ path: 'data', code: 'limit_exceeded', message: `may have ${LIMITS.outputBytes} bytes, this has ${bytes}` }];
  const schema = schemaOf(step);
  return schema === null ? [] : schemaIssues(schema, data);
}

/** Why an approval is no answer to the question of its step; null where it is one, or where nothing is asked now. */
export async function refuseWrongAnswer({ body, context, params }: Call<unknown, { data?: Json | undefined }>): Promise<Answer | null> {
  const plan = await context.store.getPlan(params.id ?? '');
  const step = plan?.steps.find(({ id }) => id === params.stepId);
  if (step === undefined || step.tool !== HUMAN_INPUT_TOOL || step.status !== 'awaiting_approval') return null;
  const issues = answerIssues(step, body.data);
  return issues.length === 0 ? null : problem('invalid_request', summaryOf(issues, 'the answer'), { issues });
}
