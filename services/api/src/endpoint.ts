/** An operation over HTTP: who calls, with which parameters and headers. */
import { activeSpan } from '@countersign/service';
import type { Actor } from '@countersign/shared';
import type { Request, RequestHandler } from 'express';
import type { Admit } from './admission.ts';
import { readBody } from './body.ts';
import type { Identification } from './identity/identify.ts';
import type { ApiContext, Operation } from './operation.ts';
import { perform } from './perform.ts';
import { notesOf, takesRoute } from './request-notes.ts';
import { send } from './send.ts';
import { subjectOf } from './subject.ts';
import { spanAttributes } from './traced.ts';

const NOBODY: Actor = { id: 'anonymous', roles: [] };

const paramsOf = (request: Request): Record<string, string> =>
  Object.fromEntries(Object.entries(request.params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** Serves one operation. */
export function endpoint(definition: Operation, context: ApiContext, admit: Admit): RequestHandler {
  const { access } = definition;
  return async (request, response) => {
    const notes = notesOf(response);
    takesRoute(request, response, definition.path);
    const admitted: Identification = access === 'open' ? { ok: true, actor: NOBODY } : await admit(request, response, { access });
    if (!admitted.ok) return send(request, response, admitted.answer);
    const params = paramsOf(request);
    notes.ids = subjectOf(definition, params, null);
    const answer = await perform(definition, context, {
      actor: admitted.actor,
      params,
      query: request.query,
      readBody: () => readBody(request),
      idempotencyKey: request.headers['idempotency-key'],
      log: notes.log,
      request,
      response,
    });
    notes.ids = subjectOf(definition, params, answer);
    activeSpan().set(spanAttributes(notes.ids));
    send(request, response, answer);
  };
}
