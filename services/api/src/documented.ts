/** The answers that several operations give, as they are documented. */
import { type Json, planSchema, taskSchema } from '@countersign/shared';
import { z } from 'zod';
import { planExample, taskExample } from './examples.ts';
import type { DocumentedAnswer } from './operation.ts';

/** Examples are typed as what they show; for the documentation they are JSON. */
export const asJson = (value: unknown): Json => value as Json;

export const jsonContent = (schema: z.ZodType, example: unknown): DocumentedAnswer['content'] => ({
  'application/json': { schema, example: asJson(example) },
});

const ETAG = { ETag: "the digest of the plan's current revision, in quotes" };

export const taskAnswer = (description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ task: taskSchema }), { task: taskExample }),
});

export const planAnswer = (description: string, headers: Readonly<Record<string, string>> = {}): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ plan: planSchema }), { plan: planExample }),
  headers: { ...ETAG, ...headers },
});

export const itemsOf = (item: z.ZodType, items: readonly unknown[], description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ items: z.array(item) }), { items }),
});

export const pageOf = (item: z.ZodType, example: unknown, description: string): DocumentedAnswer => ({
  description,
  content: jsonContent(z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() }), { items: [example], nextCursor: null }),
});
