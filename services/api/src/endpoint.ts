/** An operation over HTTP: who calls, with which parameters and headers. */

import type { Logger } from '@countersign/service';
import type { Actor } from '@countersign/shared';
import type { Request, RequestHandler, Response } from 'express';
import { type Access, refuseActor } from './access.ts';
import type { Identification, Identify } from './actors.ts';
import { readBody } from './body.ts';
import type { ApiContext, Operation } from './operation.ts';
import { perform } from './perform.ts';
import { send } from './send.ts';

/** What a request gathers on its way; the access log reads it. */
export interface RequestNotes {
  log: Logger;
  actor?: Actor;
  route?: string;
  /** the MCP tools that it called */
  tools?: string[];
}

export const notesOf = (response: Response): RequestNotes => response.locals.notes as RequestNotes;

const NOBODY: Actor = { id: 'anonymous', roles: [] };

/** Who calls, if they may. */
export function admit(access: Access, identify: Identify, request: Request): Identification {
  const identified = identify(request);
  if (!identified.ok) return identified;
  const answer = refuseActor(identified.actor, access);
  return answer === null ? identified : { ok: false, answer };
}

const paramsOf = (request: Request): Record<string, string> =>
  Object.fromEntries(Object.entries(request.params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** Serves one operation. */
export function endpoint(definition: Operation, context: ApiContext, identify: Identify): RequestHandler {
  return async (request, response) => {
    const notes = notesOf(response);
    notes.route = definition.path;
    const admitted: Identification =
      definition.access === 'open' ? { ok: true, actor: NOBODY } : admit(definition.access, identify, request);
    if (!admitted.ok) return send(request, response, admitted.answer);
    notes.actor = admitted.actor;
    const answer = await perform(definition, context, {
      actor: admitted.actor,
      params: paramsOf(request),
      query: request.query,
      readBody: () => readBody(request),
      idempotencyKey: request.headers['idempotency-key'],
      log: notes.log,
      request,
      response,
    });
    send(request, response, answer);
  };
}
