/** Webhooks: endpoints of other systems that are told of what happens, and what became of each telling. */
import {
  createWebhookBody,
  emptyBody,
  type Issue,
  listDeliveriesQuery,
  updateWebhookBody,
  WEBHOOK_TEST_TYPE,
  webhookDeliverySchema,
  webhookSchema,
} from '@countersign/shared';
import type { Accepted, Outcome } from '@countersign/store';
import { isPrivateHost } from '@countersign/tools';
import { z } from 'zod';
import { type Answer, json, type ProblemAnswer, problem } from './answer.ts';
import { itemsOf, jsonContent, pageOf } from './documented.ts';
import { answerOnce } from './idempotency.ts';
import { summaryOf } from './issues.ts';
import { type ApiContext, type Call, type DocumentedAnswer, type Operation, operation } from './operation.ts';
import { refusalAnswer } from './refusals.ts';
import { deliveryExample, SECRET_EXAMPLE, webhookExample } from './webhook-examples.ts';

const BODY_ERRORS = ['invalid_json', 'too_large', 'unsupported_media_type', 'invalid_request'] as const;

const noWebhook = (id: string): ProblemAnswer => problem('not_found', `there is no webhook \`${id}\``);

/** A courtesy to who registers it: what counts is looked at when a connection is made. */
function refusePrivate(url: string | undefined, { isWebhookAddress }: ApiContext): Answer | null {
  if (url === undefined || !isPrivateHost(url, isWebhookAddress)) return null;
  const message = 'must not lead to a private address; an operator can allow its network with WEBHOOK_ALLOW_PRIVATE';
  const issues: Issue[] = [{ path: 'url', code: 'bad_input', message }];
  return problem('invalid_request', summaryOf(issues, 'the body'), { issues });
}

async function readWebhook({ context, params }: Pick<Call, 'context' | 'params'>): Promise<Answer> {
  const webhook = await context.store.getWebhook(params.id ?? '');
  return webhook === null ? noWebhook(params.id ?? '') : json(200, { webhook });
}

/** The webhook with the secret that was just made. It is not kept for a repeated call, which gets null in its place. */
async function answerWithSecret(
  { context }: Pick<Call, 'context'>,
  outcome: Outcome<Accepted & { secret: string | null }>,
  status: 200 | 201,
): Promise<Answer> {
  if (!outcome.ok) return refusalAnswer(outcome.refusal);
  const { id, replay, secret } = outcome.value;
  const webhook = await context.store.getWebhook(id);
  if (webhook === null) return noWebhook(id);
  return json(
    status,
    { webhook, secret },
    {
      ...(status === 201 && { Location: `/v1/webhooks/${id}` }),
      ...(replay !== null && { 'Idempotent-Replayed': 'true' }),
    },
  );
}

const answerWithDelivery = (call: Call, outcome: Outcome<Accepted>): Promise<Answer> =>
  answerOnce(call, outcome, async (id) => {
    const delivery = await call.context.store.getDelivery(call.params.id ?? '', id);
    return delivery === null ? problem('not_found', `there is no delivery \`${id}\` any more`) : json(202, { delivery });
  });

const webhookAnswer = (description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ webhook: webhookSchema }), { webhook: webhookExample }),
});

const secretAnswer = (description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ webhook: webhookSchema, secret: z.string().nullable() }), {
    webhook: webhookExample,
    secret: SECRET_EXAMPLE,
  }),
});

const deliveryAnswer = (description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ delivery: webhookDeliverySchema }), { delivery: deliveryExample }),
});

const ONCE = 'The secret is shown here and never again; where the call is repeated with its Idempotency-Key it is null.';

export const webhookOperations: readonly Operation[] = [
  operation({
    method: 'post',
    path: '/v1/webhooks',
    id: 'createWebhook',
    tag: 'webhooks',
    summary: 'Have an endpoint told of what happens',
    description: `It gets signed messages after the Standard Webhooks specification. ${ONCE}`,
    access: 'administer',
    idempotent: true,
    body: { schema: createWebhookBody, example: { url: webhookExample.url, events: webhookExample.events } },
    answers: {
      201: {
        ...secretAnswer('The webhook, and the secret that its messages are signed with.'),
        headers: { Location: 'where it can be read' },
      },
    },
    errors: [...BODY_ERRORS, 'wrong_state', 'idempotency_conflict', 'not_found'],
    possible: 'a webhook can be created while there are fewer than 50',
    handle: async (call) => {
      const { actor, body, context, idempotency } = call;
      return (
        refusePrivate(body.url, context) ?? answerWithSecret(call, await context.store.createWebhook(body, { actor, idempotency }), 201)
      );
    },
  }),
  operation({
    method: 'get',
    path: '/v1/webhooks',
    id: 'listWebhooks',
    tag: 'webhooks',
    summary: 'List the webhooks, oldest first',
    access: 'operate',
    answers: { 200: itemsOf(webhookSchema, [webhookExample], 'All webhooks, without their secrets.') },
    errors: [],
    handle: async ({ context }) => json(200, { items: await context.store.listWebhooks() }),
  }),
  operation({
    method: 'get',
    path: '/v1/webhooks/:id',
    id: 'readWebhook',
    tag: 'webhooks',
    summary: 'Read a webhook',
    access: 'operate',
    answers: { 200: webhookAnswer('The webhook, without its secret.') },
    errors: ['not_found'],
    handle: readWebhook,
  }),
  operation({
    method: 'put',
    path: '/v1/webhooks/:id',
    id: 'updateWebhook',
    tag: 'webhooks',
    summary: 'Change a webhook',
    description:
      'What is left out stays as it is. Enabling one that was disabled forgets what its deliveries met; disabling one ends its pending deliveries.',
    access: 'administer',
    body: { schema: updateWebhookBody, example: { events: ['plan.pending_approval', 'plan.ended'], enabled: true } },
    answers: { 200: webhookAnswer('The webhook as it is now.') },
    errors: [...BODY_ERRORS, 'not_found'],
    handle: async (call) => {
      const { actor, body, context, params } = call;
      const refusal = refusePrivate(body.url, context);
      if (refusal !== null) return refusal;
      const outcome = await context.store.updateWebhook(params.id ?? '', body, { actor });
      return outcome.ok ? readWebhook(call) : refusalAnswer(outcome.refusal);
    },
  }),
  operation({
    method: 'delete',
    path: '/v1/webhooks/:id',
    id: 'deleteWebhook',
    tag: 'webhooks',
    summary: 'Delete a webhook with its deliveries',
    access: 'administer',
    answers: { 204: { description: 'It is gone.' } },
    errors: ['not_found'],
    handle: async ({ context, params }) => {
      const outcome = await context.store.deleteWebhook(params.id ?? '');
      return outcome.ok ? { kind: 'empty', status: 204 } : refusalAnswer(outcome.refusal);
    },
  }),
  operation({
    method: 'post',
    path: '/v1/webhooks/:id/rotate',
    id: 'rotateWebhook',
    tag: 'webhooks',
    summary: 'Give a webhook another secret',
    description: `For 24 hours the old one signs along: messages carry a signature of each. ${ONCE}`,
    access: 'administer',
    idempotent: true,
    body: { schema: emptyBody, example: {} },
    answers: { 200: secretAnswer('The webhook and its new secret.') },
    errors: [...BODY_ERRORS, 'not_found', 'idempotency_conflict'],
    handle: async (call) => {
      const { context, idempotency, params } = call;
      return answerWithSecret(call, await context.store.rotateWebhook(params.id ?? '', { idempotency }), 200);
    },
  }),
  operation({
    method: 'post',
    path: '/v1/webhooks/:id/test',
    id: 'testWebhook',
    tag: 'webhooks',
    summary: 'Send a webhook something to try it with',
    description: 'A `webhook.test`, also where the webhook is disabled. What became of it stands with its deliveries.',
    access: 'administer',
    idempotent: true,
    body: { schema: emptyBody, example: {} },
    answers: { 202: deliveryAnswer('The delivery, pending.') },
    errors: [...BODY_ERRORS, 'not_found', 'idempotency_conflict'],
    handle: async (call) => {
      const { actor, context, idempotency, params } = call;
      const message = { type: WEBHOOK_TEST_TYPE, timestamp: new Date().toISOString(), data: { webhookId: params.id, actor: actor.id } };
      const test = { type: WEBHOOK_TEST_TYPE, body: JSON.stringify(message) };
      return answerWithDelivery(call, await context.store.testWebhook(params.id ?? '', test, { idempotency }));
    },
  }),
  operation({
    method: 'get',
    path: '/v1/webhooks/:id/deliveries',
    id: 'listDeliveries',
    tag: 'webhooks',
    summary: 'List what was delivered to a webhook, newest first',
    description: 'All that are pending, and of those that have ended the last 1,000.',
    access: 'operate',
    query: listDeliveriesQuery,
    answers: { 200: pageOf(webhookDeliverySchema, deliveryExample, 'A page of deliveries.') },
    errors: ['not_found', 'invalid_request'],
    handle: async ({ context, params, query }) => {
      const page = await context.store.listDeliveries(params.id ?? '', query);
      return page === null ? noWebhook(params.id ?? '') : json(200, page);
    },
  }),
  operation({
    method: 'post',
    path: '/v1/webhooks/:id/deliveries/:deliveryId/redeliver',
    id: 'redeliver',
    tag: 'webhooks',
    summary: 'Have a delivery made again',
    description: 'Under its id, so that a receiver that had it can tell, and with as many attempts as a new one.',
    access: 'administer',
    idempotent: true,
    body: { schema: emptyBody, example: {} },
    answers: { 202: deliveryAnswer('The delivery, pending again.') },
    errors: [...BODY_ERRORS, 'not_found', 'wrong_state', 'idempotency_conflict'],
    possible: 'a delivery can be made again once it has ended, while its webhook is enabled',
    handle: async (call) => {
      const { context, idempotency, params } = call;
      return answerWithDelivery(call, await context.store.redeliver(params.id ?? '', params.deliveryId ?? '', { idempotency }));
    },
  }),
];
