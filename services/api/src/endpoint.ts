/** From a request to its operation: who calls, may they, which resource, what body; then the operation itself. */

import type { Logger } from '@countersign/service';
import { type Actor, isObject, type Json, PLAN_ID, parseChildId, STEP_ID, TASK_ID } from '@countersign/shared';
import type { Request, RequestHandler, Response } from 'express';
import { type Access, mayDo, rolesFor } from './access.ts';
import type { Identify } from './actors.ts';
import { type Answer, problem } from './answer.ts';
import { readBody } from './body.ts';
import { answerGiven, readIdempotency } from './idempotency.ts';
import { issuesOf, summaryOf } from './issues.ts';
import type { ApiContext, Operation } from './operation.ts';
import { isStoreFailure, storeUnavailable } from './refusals.ts';
import { send } from './send.ts';

/** What a request gathers on its way; the access log reads it. */
export interface RequestNotes {
  log: Logger;
  actor?: Actor;
  route?: string;
}

export const notesOf = (response: Response): RequestNotes => response.locals.notes as RequestNotes;

const NOBODY: Actor = { id: 'anonymous', roles: [] };

/** The one place where it is decided whether a call may be made. */
export function admit(access: Access, identify: Identify, request: Request): { ok: true; actor: Actor } | { ok: false; answer: Answer } {
  if (access === 'open') return { ok: true, actor: NOBODY };
  const identified = identify(request);
  if (!identified.ok) return identified;
  const { actor } = identified;
  if (mayDo(actor, access)) return { ok: true, actor };
  const detail = `\`${actor.id}\` has the role${actor.roles.length === 1 ? '' : 's'} ${actor.roles.join(', ')}; this needs one of ${rolesFor(access).join(', ')}`;
  return { ok: false, answer: problem('forbidden', detail) };
}

/** What a path's parameters look like. What looks different does not exist. */
function missingResource({ path }: Operation, params: Readonly<Record<string, string>>): Answer | null {
  const [, , kind] = path.split('/');
  const { id, n, stepId } = params;
  const shown = (text: string): string => text.slice(0, 100);
  if (id !== undefined && kind === 'tasks' && !TASK_ID.test(id)) return problem('not_found', `there is no task \`${shown(id)}\``);
  if (id !== undefined && kind === 'plans' && !PLAN_ID.test(id)) return problem('not_found', `there is no plan \`${shown(id)}\``);
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

const paramsOf = (request: Request): Record<string, string> =>
  Object.fromEntries(Object.entries(request.params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

async function run(
  definition: Operation,
  context: ApiContext,
  { request, response, actor }: { request: Request; response: Response; actor: Actor },
): Promise<Answer> {
  const params = paramsOf(request);
  const missing = missingResource(definition, params);
  if (missing !== null) return missing;
  const query = definition.query?.safeParse(request.query);
  if (query?.success === false) {
    const issues = issuesOf(query.error);
    return problem('invalid_request', summaryOf(issues, 'the query'), { issues });
  }
  const ruledOut = await definition.precondition?.({ context, params, request });
  if (ruledOut) return ruledOut;
  let body: Json = {};
  if (definition.body !== undefined) {
    const reading = await readBody(request);
    if (!reading.ok) return reading.answer;
    body = reading.value === undefined ? {} : reading.value;
  }
  const named = await readIdempotency(definition.idempotent ? request.headers['idempotency-key'] : undefined, {
    actor,
    method: definition.method,
    path: request.path,
    body,
  });
  if (!named.ok) return named.answer;
  // Before the body is checked: what was right when it was first said may be wrong by now, and was carried out all the same.
  const given = await answerGiven(context, named.idempotency);
  if (given !== null) return given;
  const parsed = isObject(body) ? definition.body?.schema.safeParse(body) : null;
  if (parsed?.success === false || parsed === null) {
    const issues = parsed === null ? [{ path: '', code: 'bad_input' as const, message: 'must be a JSON object' }] : issuesOf(parsed.error);
    return problem('invalid_request', summaryOf(issues, 'the body'), { issues });
  }
  const { log } = notesOf(response);
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
export function faultAnswer(error: unknown, log: Logger): Answer {
  if (isStoreFailure(error)) {
    log.warn({ err: error }, 'the store is unavailable');
    return storeUnavailable();
  }
  log.error({ err: error }, 'a call failed unexpectedly');
  return problem('internal', 'something went wrong here; the header X-Request-Id of this answer finds it in the log');
}

/** Serves one operation. */
export function endpoint(definition: Operation, context: ApiContext, identify: Identify): RequestHandler {
  return async (request, response) => {
    const notes = notesOf(response);
    notes.route = definition.path;
    const admitted = admit(definition.access, identify, request);
    if (!admitted.ok) return send(request, response, admitted.answer);
    notes.actor = admitted.actor;
    try {
      send(request, response, withWhatIsPossible(await run(definition, context, { request, response, actor: admitted.actor }), definition));
    } catch (error) {
      send(request, response, faultAnswer(error, notes.log));
    }
  };
}
