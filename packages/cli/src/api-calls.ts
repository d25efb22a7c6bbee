/** The calls of the HTTP API that the demo makes. */
import { type Event, isEndedPlan, type JsonObject, type Plan, type Task } from '@countersign/shared';
import { apiRequest } from './api-request.ts';
import { readServerSentEvents } from './event-stream.ts';

export interface ApiCalls {
  createTask(body: { objective: string; input?: JsonObject }): Promise<Task>;
  getTask(id: string): Promise<Task>;
  getPlan(id: string): Promise<Plan>;
  approvePlan(id: string, digest: string): Promise<Plan>;
  rejectPlan(id: string, body: { digest: string; reason: string }): Promise<Plan>;
  decideGate(planId: string, stepId: string, decision: { verdict: 'approve' | 'reject'; body: JsonObject }): Promise<void>;
  cancelPlan(id: string, reason: string): Promise<void>;
  /** Every event of the plan from its first one, live until the plan has ended; a connection that breaks is taken up again. */
  events(planId: string): AsyncGenerator<Event>;
}

export function apiCalls(options: { url: string; actor: string; signal: AbortSignal }): ApiCalls {
  const { url, actor, signal } = options;

  const request = apiRequest({ url, headers: { 'X-Actor': actor }, signal });
  const task = async (path: string, body?: unknown): Promise<Task> =>
    ((await (await request(path, body === undefined ? {} : { method: 'POST', body })).json()) as { task: Task }).task;
  const plan = async (path: string, body?: unknown): Promise<Plan> =>
    ((await (await request(path, body === undefined ? {} : { method: 'POST', body })).json()) as { plan: Plan }).plan;

  async function* events(planId: string): AsyncGenerator<Event> {
    let lastId: string | null = null;
    for (;;) {
      try {
        const response = await request(`/v1/plans/${planId}/events`, { headers: lastId === null ? {} : { 'Last-Event-ID': lastId } });
        if (response.body === null) throw new TypeError('the event stream has no body');
        for await (const message of readServerSentEvents(response.body)) {
          lastId = message.id;
          yield JSON.parse(message.data) as Event;
        }
      } catch (error) {
        // Only a connection that broke is worth another one; fetch reports it as a TypeError.
        if (signal.aborted || !(error instanceof TypeError)) throw error;
      }
      if (isEndedPlan((await plan(`/v1/plans/${planId}`)).status)) return;
    }
  }

  return {
    createTask: (body) => task('/v1/tasks', body),
    getTask: (id) => task(`/v1/tasks/${id}`),
    getPlan: (id) => plan(`/v1/plans/${id}`),
    approvePlan: (id, digest) => plan(`/v1/plans/${id}/approve`, { digest }),
    rejectPlan: (id, body) => plan(`/v1/plans/${id}/reject`, body),
    async decideGate(planId, stepId, { verdict, body }) {
      await request(`/v1/plans/${planId}/steps/${encodeURIComponent(stepId)}/${verdict}`, { method: 'POST', body });
    },
    async cancelPlan(id, reason) {
      await request(`/v1/plans/${id}/cancel`, { method: 'POST', body: { reason } });
    },
    events,
  };
}
