/** A JSON Schema in a step's input: what somebody's answer, or a model's, must be. */
import type { JsonObject } from '@countersign/shared';
import { z } from 'zod';
import { compileSchema, type SchemaCheck } from './json-schema.ts';

/** Throws an Error when the schema can't be used. */
export const compileAnswerSchema = (schema: JsonObject): SchemaCheck => compileSchema(schema, { field: 'schema', untrusted: true });

function schemaProblem(schema: JsonObject): string | null {
  try {
    compileAnswerSchema(schema);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** An answer that cannot be checked must not be asked for. */
export const answerSchema = (z.record(z.string(), z.json()) as z.ZodType<JsonObject>).superRefine((schema, context) => {
  const message = schemaProblem(schema);
  if (message !== null) context.addIssue({ code: 'custom', message });
});
