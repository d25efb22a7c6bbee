/** Calls of the API by somebody who does not give up. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from './stage.ts';

/** ms between two tries */
export const TRY_AGAIN_MS = 150;
/** What gets no answer for so long is a violation by itself. */
const PATIENCE_MS = 90_000;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  body: any;
}

/** Somebody asked again and again, and was told nothing. */
class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export interface Sending {
  body?: unknown;
  actor?: string;
  headers?: Record<string, string>;
}

/** Sends until there is an answer of the API itself: what was cut, or met by a 503, is sent again with the same key. */
export async function persistently(stage: Stage, method: string, path: string, { body, actor, headers }: Sending = {}): Promise<Answer> {
  const givenUpAt = performance.now() + PATIENCE_MS;
  let last = 'nothing';
  do {
    try {
      const response = await fetch(stage.url + path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(actor !== undefined && { 'x-actor': actor }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      if (response.status !== 503) return { status: response.status, body: text === '' ? null : JSON.parse(text) };
      last = text;
    } catch (error) {
      last = String((error as Error).cause ?? error);
    }
    await delay(TRY_AGAIN_MS);
  } while (performance.now() < givenUpAt);
  throw new NoAnswerError(`${method} ${path}: ${last}`);
}
