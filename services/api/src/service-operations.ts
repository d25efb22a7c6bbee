/** What waits for people, which tools there are, and the API's own state and documentation. */
import { approvalItemSchema, toolContractSchema } from '@countersign/shared';
import { z } from 'zod';
import { json, problem } from './answer.ts';
import { itemsOf, jsonContent } from './documented.ts';
import { approvalItemExample, gateItemExample, toolExample } from './examples.ts';
import { type Operation, operation } from './operation.ts';

export const serviceOperations: readonly Operation[] = [
  operation({
    method: 'get',
    path: '/v1/approvals',
    id: 'listApprovals',
    tag: 'approvals',
    summary: 'List what waits for a person, oldest first',
    access: 'read',
    answers: {
      200: itemsOf(
        approvalItemSchema,
        [approvalItemExample, gateItemExample],
        'All that waits: plans, and gates with the effects of their step.',
      ),
    },
    errors: [],
    handle: async ({ context }) => json(200, { items: await context.store.listApprovals() }),
  }),
  operation({
    method: 'get',
    path: '/v1/tools',
    id: 'listTools',
    tag: 'tools',
    summary: 'List the tools that the executors have announced',
    access: 'read',
    answers: { 200: itemsOf(toolContractSchema, [toolExample], 'The contracts of all tools.') },
    errors: [],
    handle: async ({ context }) => json(200, { items: [...(await context.tools.byName()).values()] }),
  }),
  operation({
    method: 'get',
    path: '/healthz',
    id: 'health',
    tag: 'service',
    summary: 'Whether the process is alive',
    access: 'open',
    answers: { 200: { description: 'It is.', content: jsonContent(z.strictObject({ status: z.literal('ok') }), { status: 'ok' }) } },
    errors: [],
    handle: async () => json(200, { status: 'ok' }),
  }),
  operation({
    method: 'get',
    path: '/readyz',
    id: 'readiness',
    tag: 'service',
    summary:
      'Whether calls can be answered: Redis answers, takes writes, holds the store and the layout that it should, and the process is not shutting down',
    access: 'open',
    answers: {
      200: { description: 'They can.', content: jsonContent(z.strictObject({ status: z.literal('ready') }), { status: 'ready' }) },
    },
    errors: ['store_unavailable', 'migrating', 'store_replaced', 'shutting_down'],
    handle: async ({ context }) => {
      if (context.draining.aborted) return problem('shutting_down', 'this process is shutting down; another one answers');
      const readiness = await context.store.readiness();
      return readiness.ready ? json(200, { status: 'ready' }) : problem(readiness.code, readiness.reason);
    },
  }),
  operation({
    method: 'get',
    path: '/metrics',
    id: 'metrics',
    tag: 'service',
    summary: 'What this process counts and measures, and what there is in the store, for Prometheus',
    description: 'The text format of Prometheus. While Redis is away it answers all the same, with `countersign_store_up 0`.',
    access: 'read',
    answers: {
      200: {
        description: 'The metrics.',
        content: { 'text/plain': { schema: z.string(), example: '# TYPE countersign_store_up gauge\ncountersign_store_up 1\n' } },
      },
    },
    errors: [],
    handle: async ({ context: { metrics } }) => ({ kind: 'text', status: 200, type: metrics.contentType, text: await metrics.text() }),
  }),
  operation({
    method: 'get',
    path: '/openapi.json',
    id: 'openapi',
    tag: 'service',
    summary: 'This document',
    access: 'open',
    answers: { 200: { description: 'OpenAPI 3.1.', content: jsonContent(z.looseObject({ openapi: z.string() }), { openapi: '3.1.0' }) } },
    errors: [],
    handle: async ({ context }) => json(200, context.document().json),
  }),
  operation({
    method: 'get',
    path: '/docs',
    id: 'docs',
    tag: 'service',
    summary: 'This document as a page',
    access: 'open',
    answers: { 200: { description: 'HTML.', content: { 'text/html': { schema: z.string(), example: '<!doctype html>' } } } },
    errors: [],
    handle: async ({ context }) => {
      const { html, contentSecurityPolicy } = context.document();
      const headers = { 'Content-Security-Policy': contentSecurityPolicy };
      return { kind: 'text', status: 200, type: 'text/html; charset=utf-8', text: html, headers };
    },
  }),
];
