/** The schemas of tools' arguments and results, as agents are shown them. */
import type { JsonObject } from '@countersign/shared';
import { z } from 'zod';

export interface ObjectSchema extends JsonObject {
  type: 'object';
  properties: JsonObject;
}

/** zod writes `any JSON value` as a schema that refers to itself; `{}` says the same, and every client can read it. */
const ANY_JSON = /\{"\$ref":"#\/\$defs\/__schema\d+"\}/g;

/** A schema without references. Answers may gain members: who reads them must not depend on there being no others. */
export function objectSchema(schema: z.ZodType, direction: 'input' | 'output'): ObjectSchema {
  const made = z.toJSONSchema(schema, {
    io: direction,
    override: ({ jsonSchema }) => {
      if (direction === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const { $schema: _schema, $defs: _defs, ...rest } = made;
  return JSON.parse(JSON.stringify(rest).replaceAll(ANY_JSON, '{}')) as ObjectSchema;
}

/** One object that takes the members of all of these. */
export function mergedSchema(schemas: readonly ObjectSchema[]): ObjectSchema {
  const required = schemas.flatMap((schema) => (Array.isArray(schema.required) ? schema.required : []));
  return {
    type: 'object',
    properties: Object.assign({}, ...schemas.map(({ properties }) => properties)) as JsonObject,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}
