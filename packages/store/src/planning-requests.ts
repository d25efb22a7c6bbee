/** What plans ask of the planner, on Redis: lua/lib/requests.lua has the layout. */
import { type Json, LIMITS, type PlanningRequest, type PlanningRound, type Role, type TaskError } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Outcome, PlanningRequests, PlanStore, RequestHold } from './contract.ts';
import { outcomeOf, refused } from './outcome.ts';
import { isoTime } from './time.ts';
import { usageArgs } from './usage.ts';

/** The request in a plan's hash; null where there was none. */
export function readRequest(fields: Readonly<Record<string, string>>, rounds: readonly string[]): PlanningRequest | null {
  if (fields.requestNumber === undefined) return null;
  return {
    number: Number(fields.requestNumber),
    kind: fields.requestKind as PlanningRequest['kind'],
    status: fields.requestStatus as PlanningRequest['status'],
    requestedBy: fields.requestBy || null,
    requestedByRoles: JSON.parse(fields.requestRoles ?? '[]') as Role[],
    requestedAt: isoTime(fields.requestAt) as string,
    feedback: JSON.parse(fields.requestFeedback ?? 'null') as string | null,
    rounds: rounds.map((round) => JSON.parse(round) as PlanningRound),
    error: fields.requestError === undefined ? null : (JSON.parse(fields.requestError) as TaskError),
  };
}

export function planningRequests(connection: StoreConnection, getPlan: PlanStore['getPlan']): PlanningRequests {
  const { keys } = connection;

  const record = async (script: string, { planId, number, token }: RequestHold, args: (string | number)[] = []): Promise<Outcome<null>> => {
    const reply = await connection.run(script, { keys: [keys.plan(planId)], id: planId, args: [number, token, ...args] });
    const outcome = outcomeOf(reply, { id: planId, what: 'request', verb: 'answer' });
    return outcome.ok ? { ok: true, value: null } : outcome;
  };
  const text = (value: PlanningRound | TaskError): string => JSON.stringify(value as unknown as Json);

  return {
    async startRequest(hold) {
      const started = await record('start-request', hold, [LIMITS.planningTakeovers]);
      if (!started.ok) return started;
      const request = (await getPlan(hold.planId))?.planning;
      return request == null ? refused('not_found', `there is no plan ${hold.planId}`) : { ok: true, value: request };
    },
    recordRequestRound: (hold, round) => record('record-request-round', hold, [text(round), ...usageArgs(round)]),
    releaseRequest: (hold) => record('release-request', hold),
    failRequest: (hold, error) => record('fail-request', hold, [text(error)]),
    recordResponse: (hold, response) => record('record-response', hold, [response]),
  };
}
