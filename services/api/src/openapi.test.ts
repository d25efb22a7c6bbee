import { createHash } from 'node:crypto';
import { ERRORS, problemSchema } from '@countersign/shared';
import { openStore } from '@countersign/store';
import type { Router } from 'express';
import { describe, expect, it } from 'vitest';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { collectingLogger } from '../test/running-api.ts';
import { createApp } from './app.ts';
import { docsPage } from './docs-page.ts';
import { errorStatusOf, errorsOf, openapiDocument, openapiPath } from './openapi.ts';
import { OPERATIONS } from './operations.ts';

const document = openapiDocument(OPERATIONS);
const redis = useTestRedis();

interface Found {
  path: string;
  value: unknown;
}
/** Every value in the document under a key of that name, wherever it is. */
function allUnder(key: string, value: unknown = document, path = '#'): Found[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    ...(name === key ? [{ path: `${path}/${name}`, value: member }] : []),
    ...allUnder(key, member, `${path}/${name}`),
  ]);
}
const atPointer = (pointer: string): unknown =>
  pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);

describe('the OpenAPI document', () => {
  it('lists exactly what the router serves', async () => {
    const store = openStore({ redis: { url: redis.url } });
    const app = createApp({ store, logger: collectingLogger().logger, keys: null, draining: new AbortController().signal });
    await store.close();
    const routes = (app.router as Router).stack.flatMap(({ route }) =>
      route === undefined
        ? []
        : route.stack.flatMap(({ method }) => (method === undefined ? [] : [`${method} ${openapiPath(route.path)}`])),
    );
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect([...routes, 'get /admin/queues'].sort()).toEqual(documented.sort());
  });

  it('holds every call that was promised', () => {
    const promised = [
      ...['post /v1/tasks', 'get /v1/tasks', 'get /v1/tasks/{id}', 'post /v1/tasks/{id}/cancel'],
      ...[
        'post /v1/plans',
        'post /v1/plans/validate',
        'get /v1/plans',
        'get /v1/plans/{id}',
        'put /v1/plans/{id}',
        'delete /v1/plans/{id}',
      ],
      ...['submit', 'approve', 'reject', 'cancel', 'pause', 'resume', 'retry', 'revise'].map((verb) => `post /v1/plans/{id}/${verb}`),
      ...['approve', 'reject', 'skip', 'retry'].map((verb) => `post /v1/plans/{id}/steps/{stepId}/${verb}`),
      ...['revisions', 'revisions/{n}', 'diff', 'events', 'audit'].map((what) => `get /v1/plans/{id}/${what}`),
      ...['/v1/approvals', '/v1/templates', '/v1/tools', '/healthz', '/readyz', '/openapi.json', '/docs', '/admin/queues'].map(
        (path) => `get ${path}`,
      ),
    ];
    expect(promised.filter((call) => document.paths[call.split(' ')[1] ?? '']?.[call.split(' ')[0] ?? ''] === undefined)).toEqual([]);
  });

  it('names every operation once', () => {
    const ids = allUnder('operationId').map(({ value }) => value);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('refers to nothing that it does not hold', () => {
    const references = allUnder('$ref').map(({ value }) => String(value));
    expect(references.length).toBeGreaterThan(100);
    expect(references.filter((reference) => atPointer(reference) === undefined)).toEqual([]);
    expect(JSON.stringify(document)).not.toMatch(/\$defs|__schema/);
  });

  it('shows for every operation its answers and all errors that it can give, with an example each', () => {
    for (const definition of OPERATIONS) {
      const operation = document.paths[openapiPath(definition.path)]?.[definition.method] as {
        responses: Record<string, { content?: Record<string, { examples?: Record<string, { value: unknown }>; example?: unknown }> }>;
      };
      for (const code of errorsOf(definition)) {
        const status = errorStatusOf(definition, code);
        const example = operation.responses[status]?.content?.['application/problem+json']?.examples?.[code]?.value;
        expect(problemSchema.parse(example)).toMatchObject({ code, status });
      }
      for (const status of Object.keys(definition.answers)) expect(operation.responses[status]).toBeDefined();
    }
  });

  it('has only examples that fit their schemas', () => {
    for (const { id, answers, body } of OPERATIONS) {
      for (const { content = {} } of Object.values(answers)) {
        for (const { schema, example } of Object.values(content)) expect(schema.safeParse(example).error, id).toBeUndefined();
      }
      if (body !== undefined) expect((body.documented ?? body.schema).safeParse(body.example).error, id).toBeUndefined();
    }
  });

  it('says of every operation that a status can rule out in which ones it is possible', () => {
    const silent = OPERATIONS.filter(({ errors, possible }) => errors.includes('wrong_state') !== (possible !== undefined));
    expect(silent.map(({ id }) => id)).toEqual([]);
    const pause = document.paths['/v1/plans/{id}/pause']?.post;
    expect(pause).toMatchObject({ description: expect.stringContaining('A plan can be paused while it is executing.') });
  });

  it('honours Idempotency-Key on every POST that creates or decides', () => {
    const posts = OPERATIONS.filter(({ method, access }) => method === 'post' && access !== 'read');
    expect(posts.filter(({ idempotent }) => !idempotent).map(({ id }) => id)).toEqual([]);
    expect(posts.length).toBeGreaterThan(13);
  });

  it('documents the parameters of every path', () => {
    for (const definition of OPERATIONS) {
      const operation = document.paths[openapiPath(definition.path)]?.[definition.method] as {
        parameters: { in?: string; name?: string }[];
      };
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect(inPath).toEqual([...definition.path.matchAll(/:([a-z]+)/gi)].map(([, name]) => name));
    }
  });

  it('tells what may be left out of what is sent, and promises all of what is answered', () => {
    const { PlanOptions, PlanOptionsInput } = document.components.schemas as Record<string, { required?: string[]; properties?: object }>;
    expect(PlanOptions?.required).toEqual(Object.keys(PlanOptions?.properties ?? {}));
    expect(PlanOptionsInput?.required).toBeUndefined();
  });
});

describe('the page of documentation', () => {
  const { html, contentSecurityPolicy } = docsPage(document);

  it('has a place for every operation, schema and error, where links lead', () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id as string);
    expect(new Set(ids).size).toBe(ids.length);
    for (const code of Object.keys(ERRORS)) expect(ids).toContain(`error-${code}`);
    for (const { id } of OPERATIONS) expect(ids).toContain(id);
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target as string);
    expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
  });

  it('needs nothing from anywhere: no scripts, its own style by its hash', () => {
    expect(html).not.toMatch(/<script|<link|<img|src=|(href|action)="https?:|url\(|@import|style="| on[a-z]+="/);
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
    expect(contentSecurityPolicy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(contentSecurityPolicy).toContain("default-src 'none'");
  });
});
