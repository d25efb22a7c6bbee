/** One line per request, and the id that finds it. */
import { randomUUID } from 'node:crypto';
import type { Logger } from '@countersign/service';
import type { RequestHandler } from 'express';
import type { RequestNotes } from './request-notes.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Gives the request its id, the one of X-Request-Id where that has the shape of one, and logs it when it is over. Neither
 * headers nor bodies nor queries are logged.
 */
export function accessLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const given = request.get('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    response.setHeader('X-Request-Id', requestId);
    const notes: RequestNotes = { log: logger.child({ requestId }) };
    response.locals.notes = notes;
    response.once('close', () => {
      notes.log.info(
        {
          method: request.method,
          path: request.originalUrl.split('?')[0]?.slice(0, 500),
          route: notes.route,
          status: response.statusCode,
          durationMs: Math.round(performance.now() - startedAt),
          actor: notes.actor?.id,
          ...(notes.tools !== undefined && { tools: notes.tools }),
          ...(!response.writableFinished && { aborted: true }),
        },
        'request',
      );
    });
    next();
  };
}
