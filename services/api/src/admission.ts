/** The door that every call comes through, before any work is done: who is calling, not too often, with a role that may. */
import type { RateLimiter } from '@countersign/store';
import type { Request, Response } from 'express';
import { type Access, refuseActor } from './access.ts';
import type { Identification, Identify } from './identity/identify.ts';
import { rateHeaders, tooMany } from './rate-limit.ts';
import { notesOf } from './request-notes.ts';

export interface Admission {
  access: Access;
  /** whether it is known that a page of ours sends the request; see identity/credential.ts */
  fromOwnPage?: boolean;
}

/** Who calls, if they may. Notes who it is for the log, and sets the headers of the limit. Rejects where the store is away. */
export type Admit = (request: Request, response: Response, admission: Admission) => Promise<Identification>;

/** `calls` counts the calls of each actor; null: they are not limited. */
export const admission =
  (identify: Identify, calls: RateLimiter | null): Admit =>
  async (request, response, { access, fromOwnPage = false }) => {
    const { method, headers, ip } = request;
    const notes = notesOf(response);
    const identified = await identify({ method, headers, address: ip, log: notes.log, fromOwnPage });
    if (!identified.ok) return identified;
    const { actor } = identified;
    notes.actor = actor;
    const state = calls === null ? null : await calls.take(actor.id);
    if (calls !== null && state !== null) {
      for (const [name, value] of Object.entries(rateHeaders(calls, state))) response.setHeader(name, value);
      if (!state.allowed) {
        const { limit } = calls;
        const detail = `\`${actor.id}\` has made its ${limit.calls} calls of ${limit.seconds} seconds; go on after the time in Retry-After`;
        return { ok: false, answer: tooMany(detail, state.resetMs) };
      }
    }
    const answer = refuseActor(actor, access);
    return answer === null ? identified : { ok: false, answer };
  };
