/**
 * What webhooks tell other systems: the types that can be subscribed, the events of the engine that each comes from, and
 * what a message says. A message names things and says where they stand; inputs, outputs and the words of errors stay here.
 */
import { type Event, type EventType, planStatusAfter, stepStatusAfter } from './events.ts';
import { isObject, type JsonObject } from './json.ts';
import { shorten } from './shorten.ts';

interface WebhookSource {
  /** the events of the engine that it comes from */
  from: readonly EventType[];
  meaning: string;
}

export const WEBHOOK_EVENTS = {
  'task.queued': { from: ['task.queued'], meaning: 'somebody asked for something' },
  'task.planned': { from: ['task.planned'], meaning: 'the task has its plan' },
  'task.failed': { from: ['task.failed'], meaning: 'no plan could be made for the task' },
  'task.cancelled': { from: ['task.cancelled'], meaning: 'the task was cancelled before it had a plan' },
  'plan.created': { from: ['plan.created'], meaning: 'there is a new plan' },
  'plan.revised': { from: ['plan.revised'], meaning: 'the plan has a new revision; earlier votes are gone' },
  'plan.pending_approval': { from: ['plan.submitted', 'plan.revised'], meaning: 'people are asked to approve this digest' },
  'plan.voted': { from: ['plan.voted'], meaning: 'somebody approved; the quorum may still be open' },
  'plan.approved': { from: ['plan.approved'], meaning: 'this digest may run' },
  'plan.rejected': { from: ['plan.rejected'], meaning: 'somebody rejected the plan' },
  'plan.expired': { from: ['plan.expired'], meaning: 'nobody decided in time' },
  'plan.started': { from: ['plan.started'], meaning: 'the plan runs' },
  'plan.paused': { from: ['plan.paused'], meaning: 'somebody paused the plan' },
  'plan.resumed': { from: ['plan.resumed'], meaning: 'the paused plan goes on' },
  'plan.retried': { from: ['plan.retried'], meaning: 'somebody has steps of the plan run again' },
  'plan.completed': { from: ['plan.completed'], meaning: 'every step completed or was skipped' },
  'plan.partial': { from: ['plan.partial'], meaning: 'the plan ended; some steps failed, some completed' },
  'plan.failed': { from: ['plan.failed'], meaning: 'the plan was stopped by a failure or by its time, or nothing of it completed' },
  'plan.cancelled': { from: ['plan.cancelled'], meaning: 'somebody cancelled the plan' },
  'plan.ended': {
    from: ['plan.completed', 'plan.partial', 'plan.failed', 'plan.cancelled', 'plan.rejected', 'plan.expired'],
    meaning: 'the plan has ended, in whatever way: `status` says how',
  },
  'gate.waiting': { from: ['step.awaiting_approval'], meaning: 'a step asks people before it runs' },
  'gate.approved': { from: ['step.approved'], meaning: 'somebody approved the step; its quorum may still be open' },
  'gate.rejected': { from: ['step.rejected'], meaning: 'somebody rejected the step' },
  'step.started': { from: ['step.started'], meaning: 'an executor took the step; also after a crash of another one' },
  'step.retrying': { from: ['step.retrying'], meaning: 'an attempt failed, or was handed back, and another one follows' },
  'step.completed': { from: ['step.completed'], meaning: 'the step has its result' },
  'step.failed': { from: ['step.failed'], meaning: 'the step failed for good' },
  'step.skipped': { from: ['step.skipped'], meaning: 'the step does not run: `reason` says why' },
  'step.cancelled': { from: ['step.cancelled'], meaning: 'the step was ended with its plan' },
} as const satisfies Record<string, WebhookSource>;

export type WebhookType = keyof typeof WEBHOOK_EVENTS;
export const WEBHOOK_TYPES = Object.keys(WEBHOOK_EVENTS) as [WebhookType, ...WebhookType[]];
/** What `POST /v1/webhooks/:id/test` sends; nothing else does. */
export const WEBHOOK_TEST_TYPE = 'webhook.test';
/** All that can be subscribed. */
export const ALL_EVENTS = '*';
export type WebhookSubscription = WebhookType | typeof ALL_EVENTS;

const sourcesOf = (type: WebhookType): readonly EventType[] => WEBHOOK_EVENTS[type].from;
const chosen = (subscriptions: readonly WebhookSubscription[]): WebhookType[] =>
  WEBHOOK_TYPES.filter((type) => subscriptions.includes(ALL_EVENTS) || subscriptions.includes(type));

/** The events of the engine that an endpoint with these subscriptions has to hear of. */
export const wantedEvents = (subscriptions: readonly WebhookSubscription[]): EventType[] => [
  ...new Set(chosen(subscriptions).flatMap(sourcesOf)),
];

/** The types under which an endpoint with these subscriptions is told of an event: a plan that completed has also ended. */
export const webhookTypesOf = (
  { type, data }: Pick<Event, 'type' | 'data'>,
  subscriptions: readonly WebhookSubscription[],
): WebhookType[] =>
  // With a quorum of 0 nobody is asked.
  chosen(subscriptions).filter((each) => sourcesOf(each).includes(type) && (each !== 'plan.pending_approval' || Number(data.quorum) > 0));

/** A person's reason is told up to this many characters. */
const REASON_LENGTH = 500;

function reasonOf({ type, data }: Event): string | undefined {
  if (isObject(data.reason)) return typeof data.reason.kind === 'string' ? data.reason.kind : undefined;
  if (typeof data.reason === 'string') return shorten(data.reason, REASON_LENGTH);
  if (type === 'plan.failed') return data.timedOut === true ? 'plan_timeout' : data.stepId === undefined ? undefined : 'step_failed';
  return data.handedBack === true ? 'handed_back' : undefined;
}

const statusOf = (type: WebhookType, event: Event): string | undefined => {
  if (type === 'plan.pending_approval') return 'pending_approval';
  if (event.type.startsWith('task.')) return event.type.slice('task.'.length);
  return event.stepId === undefined ? planStatusAfter(event.type) : stepStatusAfter(event.type);
};

/** Where what the message is about can be read. Without `publicUrl` the links begin at the API's own address. */
function linksOf({ planId, taskId }: Event, publicUrl: string): JsonObject {
  return {
    ...(planId !== null && { plan: `${publicUrl}/v1/plans/${planId}` }),
    ...(taskId !== null && { task: `${publicUrl}/v1/tasks/${taskId}` }),
  };
}

/** A message after the Standard Webhooks specification. */
export interface WebhookMessage {
  type: string;
  /** when it happened, ISO 8601 UTC */
  timestamp: string;
  data: JsonObject;
}

/** What an endpoint is told of an event. `digest` is that of the plan's revision, where it is known. */
export function webhookMessage(
  type: WebhookType,
  event: Event,
  { digest, publicUrl }: { digest: string | null; publicUrl: string },
): WebhookMessage {
  const { data } = event;
  const stepId = event.stepId ?? (typeof data.stepId === 'string' ? data.stepId : undefined);
  const fields = {
    eventId: event.id,
    planId: event.planId,
    taskId: event.taskId,
    stepId,
    revision: event.planId === null ? undefined : event.revision,
    digest: digest ?? undefined,
    status: statusOf(type, event),
    reason: reasonOf(event),
    error: isObject(data.error) && typeof data.error.code === 'string' ? { code: data.error.code } : undefined,
    attempt: event.attempt,
    actor: event.actor,
    replanning: data.replanning === true ? true : undefined,
    links: linksOf(event, publicUrl),
  };
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { type, timestamp: event.at, data: known as JsonObject };
}
