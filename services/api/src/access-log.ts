/** One line per request, and the id that finds it. */
import { randomUUID } from 'node:crypto';
import { type Logger, logIds } from '@countersign/service';
import type { RequestHandler } from 'express';
import { EVENTS_PATH } from './event-stream.ts';
import type { ApiMeters } from './metrics.ts';
import type { RequestNotes } from './request-notes.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Gives the request its id, the one of X-Request-Id where that has the shape of one, and logs and measures it when it is
 * over. Neither headers nor bodies nor queries are logged.
 */
export function accessLog(logger: Logger, meters: ApiMeters): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const given = request.get('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    response.setHeader('X-Request-Id', requestId);
    const notes: RequestNotes = { log: logger.child(logIds({ requestId })) };
    response.locals.notes = notes;
    response.once('close', () => {
      const durationMs = performance.now() - startedAt;
      const { statusCode: status } = response;
      const { method } = request;
      notes.log.info(
        {
          method,
          path: request.originalUrl.split('?')[0]?.slice(0, 500),
          route: notes.route,
          status,
          durationMs: Math.round(durationMs),
          ...logIds({ actor: notes.actor?.id, ...notes.ids }),
          ...(notes.tools !== undefined && { tools: notes.tools }),
          ...(!response.writableFinished && { aborted: true }),
        },
        'request',
      );
      // How long somebody watches a plan says nothing of how fast the API is.
      if (notes.route === EVENTS_PATH && status === 200) return;
      meters.request({ method, route: notes.route ?? 'none', status, durationMs });
    });
    next();
  };
}
