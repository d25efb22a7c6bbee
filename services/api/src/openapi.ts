/** The OpenAPI document, made from the operations and the schemas they name. */
import {
  apiKeySchema,
  approvalItemSchema,
  approvalSchema,
  auditRecordSchema,
  DELIVERY_ID,
  ERRORS,
  type ErrorCode,
  eventSchema,
  issueSchema,
  type JsonObject,
  planContentSchema,
  planDiffSchema,
  planDraftSchema,
  planningRoundSchema,
  planOptionsSchema,
  planSchema,
  planSummarySchema,
  problemSchema,
  retryPolicySchema,
  revisionContentSchema,
  revisionSchema,
  STEP_ID,
  stepViewSchema,
  taskSchema,
  templateSchema,
  toolContractSchema,
  webhookDeliverySchema,
  webhookSchema,
} from '@countersign/shared';
import { z } from 'zod';
import { rolesFor } from './access.ts';
import { problem, problemDocument, statusOf } from './answer.ts';
import { DASHBOARD_DOCUMENTED, DASHBOARD_PATH } from './dashboard.ts';
import { MCP_DOCUMENTED, MCP_PATH } from './mcp/mcp-endpoint.ts';
import type { DocumentedAnswer, Operation } from './operation.ts';
import { RATE_HEADERS } from './rate-limit.ts';

/** Schemas that are shown under a name of their own. */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  ApiKey: apiKeySchema,
  ApprovalItem: approvalItemSchema,
  Approval: approvalSchema,
  AuditRecord: auditRecordSchema,
  Event: eventSchema,
  Issue: issueSchema,
  Plan: planSchema,
  PlanContent: planContentSchema,
  PlanDiff: planDiffSchema,
  PlanDraft: planDraftSchema,
  PlanningRound: planningRoundSchema,
  PlanOptions: planOptionsSchema,
  PlanSummary: planSummarySchema,
  Problem: problemSchema,
  RetryPolicy: retryPolicySchema,
  Revision: revisionSchema,
  RevisionContent: revisionContentSchema,
  Step: stepViewSchema,
  Task: taskSchema,
  Template: templateSchema,
  ToolContract: toolContractSchema,
  Webhook: webhookSchema,
  WebhookDelivery: webhookDeliverySchema,
};

const names = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(NAMED)) names.add(schema, { id });

/** zod numbers the schemas that refer to themselves; here that is always `any JSON value`. */
const ANONYMOUS = /^__schema\d+$/;
const JSON_VALUE = 'Json';

type Direction = 'input' | 'output';
type Components = Record<string, object>;

/** What is written may leave out what has a default, so it is another schema than what is read. */
const componentName = (name: string, direction: Direction): string =>
  ANONYMOUS.test(name) ? JSON_VALUE : direction === 'input' && name !== 'PlanDraft' ? `${name}Input` : name;

/** A schema for the document. What it refers to is put into `components`. */
function schemaOf(schema: z.ZodType, direction: Direction, components: Components): object {
  const made = z.toJSONSchema(schema, {
    metadata: names,
    io: direction,
    override: ({ jsonSchema }) => {
      // Answers may gain members; who reads them must not depend on there being no others.
      if (direction === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const text = JSON.stringify(made).replaceAll(
    /"#\/\$defs\/([^"]+)"/g,
    (_found, name: string) => `"#/components/schemas/${componentName(name, direction)}"`,
  );
  const { $schema: _schema, $defs = {}, id, ...rest } = JSON.parse(text) as { $schema?: string; $defs?: Components; id?: string };
  for (const [name, definition] of Object.entries($defs)) {
    const { id: _id, ...content } = definition as { id?: string };
    if (!ANONYMOUS.test(name)) components[componentName(name, direction)] = content;
  }
  if (id === undefined || NAMED[id] === undefined) return rest;
  components[componentName(id, direction)] = rest;
  return { $ref: `#/components/schemas/${componentName(id, direction)}` };
}

/** `/v1/plans/:id` as OpenAPI writes it. */
export const openapiPath = (path: string): string => path.replaceAll(/:([a-z]+)/gi, '{$1}');

const PARAMETERS: Readonly<Record<string, { description: string; schema: object }>> = {
  id: { description: 'the id of the task, plan, webhook or key', schema: { type: 'string' } },
  stepId: { description: 'the id of the step', schema: { type: 'string', pattern: STEP_ID.source } },
  deliveryId: { description: 'the id of the delivery', schema: { type: 'string', pattern: DELIVERY_ID.source } },
  n: { description: 'the number of the revision', schema: { type: 'integer', minimum: 1 } },
};

function parametersOf({ path, query, headers = {}, access, idempotent }: Operation): object[] {
  const inPath = [...path.matchAll(/:([a-z]+)/gi)].map(([, name = '']) => ({ name, in: 'path', required: true, ...PARAMETERS[name] }));
  const inQuery = Object.entries(
    query === undefined ? {} : ((schemaOf(query, 'input', {}) as { properties?: JsonObject }).properties ?? {}),
  );
  return [
    ...inPath,
    ...inQuery.map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header',
      required: false,
      description,
      schema: { type: 'string' },
    })),
    ...(idempotent ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
    ...(access === 'open' ? [] : [{ $ref: '#/components/parameters/XActor' }]),
    { $ref: '#/components/parameters/XRequestId' },
  ];
}

const headerObjects = (headers: Readonly<Record<string, string>>): object =>
  Object.fromEntries([
    ...Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
    ['X-Request-Id', { $ref: '#/components/headers/XRequestId' }],
  ]);

function answerObject({ description, content = {}, headers = {} }: DocumentedAnswer, components: Components): object {
  const media = Object.entries(content).map(([type, { schema, example }]) => [
    type,
    { schema: schemaOf(schema, 'output', components), example },
  ]);
  return { description, headers: headerObjects(headers), ...(media.length > 0 && { content: Object.fromEntries(media) }) };
}

/** The errors that an operation can answer with: its own, and those that any call can meet. */
export function errorsOf({ access, errors, tag }: Operation): ErrorCode[] {
  const store: ErrorCode[] = tag === 'service' && access === 'open' ? [] : ['store_unavailable', 'store_replaced'];
  const guarded: ErrorCode[] =
    access === 'open' ? ['forbidden'] : ['unauthenticated', 'forbidden', 'invalid_request', 'rate_limited', 'identity_unavailable'];
  return [...new Set<ErrorCode>(['malformed_request', ...errors, ...guarded, ...store, 'internal'])];
}

/** The status with which an operation answers an error. */
export const errorStatusOf = ({ errorStatuses = {} }: Operation, code: ErrorCode): number =>
  statusOf({ code, status: errorStatuses[code] });

const EXAMPLE_EXTENSIONS: Partial<Record<ErrorCode, JsonObject>> = {
  invalid_json: { position: 17 },
  wrong_state: { currentStatus: 'executing' },
  stale_digest: { currentDigest: `sha256:${'0'.repeat(64)}` },
  invalid_request: { issues: [{ path: 'objective', code: 'bad_input', message: 'must say what is wanted' }] },
  invalid_plan: {
    issues: [{ path: 'steps[0].tool', code: 'unknown_tool', message: 'there is no tool `fs.wrote`; there are fs.stats, fs.write' }],
  },
};

function errorObjects(definition: Operation, components: Components): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(definition)) {
    const status = errorStatusOf(definition, code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = schemaOf(problemSchema, 'output', components);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code].meaning}`).join('\n\n'),
        headers: headerObjects({
          ...(codes.some((code) => ERRORS[code].retryable) && { 'Retry-After': 'seconds to wait' }),
          ...(codes.includes('unauthenticated') && { 'WWW-Authenticate': 'how to say who is calling' }),
        }),
        content: {
          'application/problem+json': {
            schema,
            examples: Object.fromEntries(
              codes.map((code) => [
                code,
                { value: problemDocument({ ...problem(code, ERRORS[code].meaning, EXAMPLE_EXTENSIONS[code]), status }, definition.path) },
              ]),
            ),
          },
        },
      },
    ]),
  );
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function operationObject(definition: Operation, components: Components): object {
  const { id, tag, summary, access, body, answers, idempotent, possible } = definition;
  const description = [definition.description, ...(possible === undefined ? [] : [`${sentence(possible)}.`])].filter(Boolean).join(' ');
  const replayed = { 'Idempotent-Replayed': '`true` where the answer was given before' };
  const limited = access === 'open' ? {} : RATE_HEADERS;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== '' && { description }),
    security: access === 'open' ? [] : [{ apiKey: [] }],
    'x-roles': rolesFor(access),
    parameters: parametersOf(definition),
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(body.documented ?? body.schema, 'input', components), example: body.example } },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          answerObject({ ...answer, headers: { ...answer.headers, ...(idempotent && replayed), ...limited } }, components),
        ]),
      ),
      ...errorObjects(definition, components),
    },
  };
}

/** The OpenAPI 3.1 document of these operations. */
export function openapiDocument(operations: readonly Operation[]): OpenapiDocument {
  const components: Components = { [JSON_VALUE]: { description: 'Any JSON value.' } };
  const paths: OpenapiDocument['paths'] = {};
  for (const definition of operations) {
    const path = openapiPath(definition.path);
    paths[path] = { ...paths[path], [definition.method]: operationObject(definition, components) };
  }
  paths[MCP_PATH] = { post: MCP_DOCUMENTED };
  paths[DASHBOARD_PATH] = { get: DASHBOARD_DOCUMENTED };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      version: '1',
      description: 'An agent writes the plan, a person countersigns it, a fleet executes exactly what was signed.',
    },
    tags: [
      { name: 'tasks', description: 'What somebody asks for; the planner answers it with a plan.' },
      { name: 'plans', description: 'The steps that answer a task, what became of them, and their record.' },
      { name: 'approvals', description: 'What people decide: a vote is on exactly one digest.' },
      { name: 'tools', description: 'What the executors can do.' },
      { name: 'webhooks', description: 'Endpoints of other systems that are told of what happens.' },
      { name: 'keys', description: 'Who may call: API keys, made and revoked while the API runs.' },
      { name: 'service', description: 'The API itself.' },
    ],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))),
      parameters: {
        IdempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          description: 'Names the call: the same key with the same body gives the first answer again, with another body 409.',
          schema: { type: 'string', minLength: 1, maxLength: 255 },
        },
        XActor: {
          name: 'X-Actor',
          in: 'header',
          required: false,
          description:
            'Who is calling, where the API runs without keys; `local` when absent. With keys it is the name of the key, with a token `oidc:` and a claim of it.',
          schema: { type: 'string' },
        },
        XRequestId: {
          name: 'X-Request-Id',
          in: 'header',
          required: false,
          description: 'Names the request in the log; made up when absent.',
          schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,128}$' },
        },
      },
      headers: { XRequestId: { description: 'finds the request in the log', schema: { type: 'string' } } },
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The secret of an API key, or a token of the identity provider. Without access control the API answers this machine only.',
        },
      },
    },
  };
}

export interface OpenapiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, object>>;
  components: { schemas: Components; parameters: object; headers: object; securitySchemes: object };
}
