/** The schemas of tools' arguments and results, as agents are shown them. */
import type { JsonObject } from '@countersign/shared';
import { z } from 'zod';

export interface ObjectSchema extends JsonObject {
  type: 'object';
  properties: JsonObject;
}

/** zod writes `any JSON value` as a schema that refers to itself; `{}` says the same, and every client can read it. */
const ANY_JSON = /\{"\$ref":"#\/\$defs\/__schema\d+"\}/g;

/** One of these, where a call's form depends on what it is about. */
interface OneOf extends JsonObject {
  anyOf: ObjectSchema[];
}

/** Says nothing that a reader needs: zod's bounds of whole numbers, that keys are strings, how a date looks besides its format. */
function withoutNoise(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format !== undefined) delete schema.pattern;
  delete schema.propertyNames;
}

/** A schema without references. Answers may gain members: who reads them must not depend on there being no others. */
export function plainSchema(schema: z.ZodType, direction: 'input' | 'output'): ObjectSchema | OneOf {
  const made = z.toJSONSchema(schema, {
    io: direction,
    override: ({ jsonSchema }) => {
      withoutNoise(jsonSchema);
      if (direction === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const { $schema: _schema, $defs: _defs, ...rest } = made;
  return JSON.parse(JSON.stringify(rest).replaceAll(ANY_JSON, '{}')) as ObjectSchema | OneOf;
}

const isOneOf = (schema: ObjectSchema | OneOf): schema is OneOf => 'anyOf' in schema;
const requiredBy = ({ required }: ObjectSchema): string[] => (Array.isArray(required) ? required.map(String) : []);

/**
 * One object that takes the members of all of these. Of several forms it takes the members of each and requires what all
 * of them do: many clients read no alternatives there, and the operation says what is missing.
 */
export function mergedSchema(schemas: readonly (ObjectSchema | OneOf)[]): ObjectSchema {
  const objects = schemas.flatMap((schema) => (isOneOf(schema) ? schema.anyOf : [schema]));
  const required = schemas.flatMap((schema) => {
    const [first = [], ...others] = (isOneOf(schema) ? schema.anyOf : [schema]).map(requiredBy);
    return first.filter((name) => others.every((names) => names.includes(name)));
  });
  return {
    type: 'object',
    properties: Object.assign({}, ...objects.map(({ properties }) => properties)) as JsonObject,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}
