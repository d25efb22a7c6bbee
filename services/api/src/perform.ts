/** From a call, however it came, to its operation: may it be made, on which resource, with what body; then the operation itself. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Logger, logIds } from '@countersign/service';
import {
  type Actor,
  API_KEY_ID,
  DELIVERY_ID,
  isObject,
  type Json,
  PLAN_ID,
  parseChildId,
  STEP_ID,
  TASK_ID,
  WEBHOOK_ID,
} from '@countersign/shared';
import { refuseActor } from './access.ts';
import { type Answer, type ProblemAnswer, problem, type Resource } from './answer.ts';
import type { BodyReading } from './body.ts';
import { answerGiven, readIdempotency } from './idempotency.ts';
import { issuesOf, summaryOf } from './issues.ts';
import type { ApiContext, Operation } from './operation.ts';
import { isStoreFailure, storeUnavailable } from './refusals.ts';
import { subjectOf } from './subject.ts';

/** A call of an operation, as it came. */
export interface Invocation {
  actor: Actor;
  params: Readonly<Record<string, string>>;
  query: unknown;
  /** asked for once nothing else rules the call out */
  readBody(): Promise<BodyReading>;
  idempotencyKey: string | string[] | undefined;
  log: Logger;
  /** the HTTP exchange that it came in */
  request: IncomingMessage;
  response: ServerResponse;
}

/** What a path's parameters look like. What looks different does not exist. */
function missingResource({ path }: Operation, params: Readonly<Record<string, string>>): Answer | null {
  const [, , kind] = path.split('/');
  const { id, n, stepId, deliveryId } = params;
  const shown = (text: string): string => text.slice(0, 100);
  if (id !== undefined && kind === 'tasks' && !TASK_ID.test(id)) return problem('not_found', `there is no task \`${shown(id)}\``);
  if (id !== undefined && kind === 'plans' && !PLAN_ID.test(id)) return problem('not_found', `there is no plan \`${shown(id)}\``);
  if (id !== undefined && kind === 'webhooks' && !WEBHOOK_ID.test(id)) return problem('not_found', `there is no webhook \`${shown(id)}\``);
  if (deliveryId !== undefined && !DELIVERY_ID.test(deliveryId))
    return problem('not_found', `there is no delivery \`${shown(deliveryId)}\``);
  if (id !== undefined && kind === 'keys' && !API_KEY_ID.test(id)) return problem('not_found', `there is no API key \`${shown(id)}\``);
  if (n !== undefined && !/^[1-9]\d{0,8}$/.test(n)) return problem('not_found', `there is no revision \`${shown(n)}\``);
  if (stepId !== undefined && !STEP_ID.test(stepId)) {
    const child = parseChildId(stepId);
    const hint = child === null ? '' : `; the runs of a forEach step are not decided by themselves: name \`${shown(child.stepId)}\``;
    return problem('not_found', `there is no step \`${shown(stepId)}\`${hint}`);
  }
  return null;
}

/** A refusal because of a status says in which ones it would have been possible. */
const withWhatIsPossible = (answer: Answer, { possible }: Operation): Answer =>
  answer.kind === 'problem' && answer.code === 'wrong_state' && possible !== undefined
    ? { ...answer, detail: `${answer.detail}; ${possible}` }
    : answer;

/** `/v1/plans/:id` with its parameters: the same however the call came, so that it can be repeated either way. */
export const filledPath = ({ path }: Pick<Operation, 'path'>, params: Readonly<Record<string, string>>): string =>
  path.replaceAll(/:([a-z]+)/gi, (_found, name: string) => params[name] ?? '');

async function run(definition: Operation, context: ApiContext, invocation: Invocation): Promise<Answer> {
  const { actor, params, log, request, response } = invocation;
  const forbidden = refuseActor(actor, definition.access);
  if (forbidden !== null) return forbidden;
  const missing = missingResource(definition, params);
  if (missing !== null) return missing;
  const query = definition.query?.safeParse(invocation.query);
  if (query?.success === false) {
    const issues = issuesOf(query.error);
    return problem('invalid_request', summaryOf(issues, 'the query'), { issues });
  }
  const ruledOut = await definition.precondition?.({ context, params, request });
  if (ruledOut) return ruledOut;
  let body: Json = {};
  if (definition.body !== undefined) {
    const reading = await invocation.readBody();
    if (!reading.ok) return reading.answer;
    body = reading.value === undefined ? {} : reading.value;
  }
  const named = await readIdempotency(definition.idempotent ? invocation.idempotencyKey : undefined, {
    actor,
    method: definition.method,
    path: filledPath(definition, params),
    body,
  });
  if (!named.ok) return named.answer;
  // Before the body is checked: what was right when it was first said may be wrong by now, and was carried out all the same.
  const given = await answerGiven(context, { idempotency: named.idempotency, resourceId: params.id });
  if (given !== null) return given;
  const parsed = isObject(body) ? definition.body?.schema.safeParse(body) : null;
  if (parsed?.success === false || parsed === null) {
    const issues = parsed === null ? [{ path: '', code: 'bad_input' as const, message: 'must be a JSON object' }] : issuesOf(parsed.error);
    return problem('invalid_request', summaryOf(issues, 'the body'), { issues });
  }
  return definition.handle({
    context,
    actor,
    params,
    query: query?.data,
    body: parsed?.data,
    idempotency: named.idempotency,
    log,
    request,
    response,
  });
}

/** A fault as an answer. What happened stands in the log; the caller gets the request id to ask about it. */
export function faultAnswer(error: unknown, log: Logger): ProblemAnswer {
  if (isStoreFailure(error)) {
    log.warn({ err: error }, 'the store is unavailable');
    return storeUnavailable(error);
  }
  log.error({ err: error }, 'a call failed unexpectedly');
  return problem('internal', 'something went wrong here; the header X-Request-Id of this answer finds it in the log');
}

/** What somebody asked to be changed, and what came of it: who decided what on which digest can be read from the log alone. */
function logChange(definition: Operation, { actor, params, log }: Invocation, answer: Answer): void {
  const { id: operation, access } = definition;
  if (access === 'open' || access === 'read') return;
  const line = { operation, ...logIds({ actor: actor.id, ...subjectOf(definition, params, answer) }) };
  if (answer.kind === 'problem') {
    log.info({ ...line, code: answer.code }, 'refused');
    return;
  }
  const isRepeated = answer.kind === 'json' && answer.headers?.['Idempotent-Replayed'] === 'true';
  const { plan, task }: Resource = answer.kind === 'json' ? (answer.body as Resource) : {};
  const became = plan ?? task;
  const outcome = { ...(became && { became: became.status }), ...(plan && { revision: plan.revision, digest: plan.digest }) };
  log.info({ ...line, ...outcome }, isRepeated ? 'done before' : 'done');
}

/** Answers a call of an operation; faults, too, are answers. */
export async function perform(definition: Operation, context: ApiContext, invocation: Invocation): Promise<Answer> {
  const about = logIds({ actor: invocation.actor.id, ...subjectOf(definition, invocation.params, null) });
  const log = invocation.log.child(about);
  try {
    const answer = withWhatIsPossible(await run(definition, context, { ...invocation, log }), definition);
    logChange(definition, invocation, answer);
    return answer;
  } catch (error) {
    return faultAnswer(error, log);
  }
}
