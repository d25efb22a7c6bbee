/** API keys that are made and revoked while the API runs. */
import { apiKeySchema, createKeyBody, listKeysQuery } from '@countersign/shared';
import { newKeySecret } from '@countersign/store';
import { z } from 'zod';
import { type Answer, json, problem } from './answer.ts';
import { jsonContent, pageOf } from './documented.ts';
import { apiKeyExample } from './examples.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { refusalAnswer } from './refusals.ts';

const noKey = (id: string): Answer => problem('not_found', `there is no API key \`${id}\``);

const newKeySchema = z.strictObject({
  key: apiKeySchema,
  /** null where the call is a repeated one: it is kept nowhere, so it can't be shown again */
  secret: z.string().nullable(),
  /** what else there is to know */
  notice: z.string().nullable(),
});

const NOT_REQUIRED =
  'this API does not ask for keys yet: everybody who can connect is an admin; it asks once REQUIRE_KEYS is true, or API_KEYS or OIDC_ISSUER is set';
const SHOWN_ONCE =
  'the secret was in the first answer to this Idempotency-Key and cannot be shown again; without it, revoke this key and make another';

async function createKey(call: Call<unknown, z.output<typeof createKeyBody>>): Promise<Answer> {
  const { actor, body, context, idempotency, log } = call;
  const { name, roles, expiresAt = null } = body;
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) {
    const message = 'must be in the future';
    return problem('invalid_request', `expiresAt ${message}`, { issues: [{ path: 'expiresAt', code: 'bad_input', message }] });
  }
  const { id, secret, digest } = newKeySecret();
  const outcome = await context.store.createKey({ id, digest, name, roles, expiresAt, actor, idempotency });
  if (!outcome.ok) return refusalAnswer(outcome.refusal);
  const { replay } = outcome.value;
  const key = await context.store.getKey(outcome.value.id);
  if (key === null) throw new Error(`the key ${outcome.value.id} is gone right after it was made`);
  const headers = { Location: `/v1/keys/${key.id}` };
  const repeated = { key, secret: null, notice: SHOWN_ONCE };
  if (replay !== null) return json(201, repeated, { ...headers, 'Idempotent-Replayed': 'true' });
  log.info({ keyId: key.id, name, roles, expiresAt }, 'an API key was made');
  // The answer that is kept for a repeated call is another one: what is kept has no secret.
  if (idempotency !== undefined)
    await context.store
      .saveAnswer(idempotency, { status: 201, body: repeated }, key.id)
      .catch((error: unknown) => log.warn({ err: error }, 'could not keep the answer for its Idempotency-Key'));
  return json(201, { key, secret, notice: context.controlled ? null : NOT_REQUIRED }, headers);
}

const keyAnswer = (description: string) => ({
  description,
  content: jsonContent(z.strictObject({ key: apiKeySchema }), { key: apiKeyExample }),
});

async function readKey({ context, params }: Call): Promise<Answer> {
  const key = await context.store.getKey(params.id ?? '');
  return key === null ? noKey(params.id ?? '') : json(200, { key });
}

export const keyOperations: readonly Operation[] = [
  operation({
    method: 'post',
    path: '/v1/keys',
    id: 'createKey',
    tag: 'keys',
    summary: 'Make an API key',
    description:
      'The secret is in this answer and nowhere else: only its SHA-256 digest is stored. Sent again with the same `Idempotency-Key`, the ' +
      'call gives the same key with `secret: null`. `name` is the actor of its calls; two keys may share it, so that one can replace the other.',
    access: 'administer',
    idempotent: true,
    body: {
      schema: createKeyBody,
      example: { name: apiKeyExample.name, roles: [...apiKeyExample.roles], expiresAt: apiKeyExample.expiresAt },
    },
    answers: {
      201: {
        description: 'The key, and its secret.',
        content: jsonContent(newKeySchema, { key: apiKeyExample, secret: 'csk_<22 characters>_<43 characters>', notice: null }),
        headers: { Location: 'where the key can be read' },
      },
    },
    errors: ['invalid_json', 'too_large', 'unsupported_media_type', 'invalid_request', 'idempotency_conflict'],
    handle: createKey,
  }),
  operation({
    method: 'get',
    path: '/v1/keys',
    id: 'listKeys',
    tag: 'keys',
    summary: 'List the API keys, newest first',
    description: 'Those that were made here; keys of the setting `API_KEYS` are not among them. Revoked and expired ones stay for 30 days.',
    access: 'administer',
    query: listKeysQuery,
    answers: { 200: pageOf(apiKeySchema, apiKeyExample, 'A page of keys, without secrets.') },
    errors: ['invalid_request'],
    handle: async ({ context, query }) => json(200, await context.store.listKeys(query)),
  }),
  operation({
    method: 'get',
    path: '/v1/keys/:id',
    id: 'readKey',
    tag: 'keys',
    summary: 'Read an API key',
    access: 'administer',
    answers: { 200: keyAnswer('The key, without its secret.') },
    errors: ['not_found'],
    handle: readKey,
  }),
  operation({
    method: 'delete',
    path: '/v1/keys/:id',
    id: 'revokeKey',
    tag: 'keys',
    summary: 'Revoke an API key',
    description: 'From this answer on every process refuses it. It can still be read for 30 days. To revoke it again changes nothing.',
    access: 'administer',
    answers: { 200: keyAnswer('The key, revoked.') },
    errors: ['not_found'],
    handle: async (call) => {
      const { actor, context, log, params } = call;
      const outcome = await context.store.revokeKey(params.id ?? '', { actor });
      if (!outcome.ok) return refusalAnswer(outcome.refusal);
      log.info({ keyId: params.id }, 'an API key was revoked');
      return readKey(call);
    },
  }),
];
