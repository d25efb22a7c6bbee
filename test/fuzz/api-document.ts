/** What the running API says of itself: its operations, and what their answers must look like. */
import type { JsonObject } from '@countersign/shared';
import { compileSchema, type SchemaCheck } from '@countersign/tools';
import type { Schema } from './schema-values.ts';

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  schema: Schema;
}

interface DocumentedOperation {
  operationId: string;
  parameters?: (Parameter & { $ref?: string })[];
  requestBody?: { content: { 'application/json': { schema: Schema; example: unknown } } };
  responses: Record<string, { content?: Record<string, { schema: Schema; examples?: Record<string, unknown> }> }>;
}

interface OpenApi {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema>; parameters: Record<string, Parameter> };
}

export interface ApiOperation {
  id: string;
  method: string;
  /** with `{name}` for its parameters */
  path: string;
  parameters: readonly Parameter[];
  body: { schema: Schema; example: unknown } | null;
  /** the statuses that are no errors, with the media types of each */
  answers: ReadonlyMap<number, readonly string[]>;
  /** the errors, as `status code` */
  errors: ReadonlySet<string>;
}

export interface ApiDocument {
  operations: readonly ApiOperation[];
  /** the operation that a request of that method and path (without query) is one of */
  find(method: string, path: string): ApiOperation | null;
  resolve(ref: string): Schema;
  /** What is wrong with the JSON of an answer; null where it is as documented, member for member. */
  problem(operation: ApiOperation, status: number, body: unknown): string | null;
  /** What is wrong with an error's document. */
  errorProblem(body: unknown): string | null;
}

const BODIES = new Set(['post', 'put']);

/** The document allows answers to gain members, so that clients don't break. Here none may have one that is not documented. */
function closed<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(closed) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)])) as Schema;
  if (copy.type === 'object' && copy.properties !== undefined && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy as Value;
}

/** A path parameter takes anything but a slash. */
const pathPattern = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[a-z]+\}/gi, '[^/]+')}/?$`);

export function readDocument(document: OpenApi): ApiDocument {
  const { components } = document;
  const schemas = closed(components.schemas);
  const compile = (schema: Schema): SchemaCheck =>
    compileSchema({ ...closed(schema), components: { schemas } } as unknown as JsonObject, { field: 'an answer' });
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]): ApiOperation => {
      const statuses = Object.entries(responses).map(([status, { content = {} }]) => [Number(status), content] as const);
      const body = requestBody?.content['application/json'];
      return {
        id: operationId,
        method: method.toUpperCase(),
        path,
        parameters: parameters.map((each) =>
          each.$ref === undefined ? each : (components.parameters[each.$ref.split('/').at(-1) ?? ''] as Parameter),
        ),
        body: BODIES.has(method) && body !== undefined ? body : null,
        answers: new Map(statuses.filter(([status]) => status < 400).map(([status, content]) => [status, Object.keys(content)])),
        errors: new Set(
          statuses.flatMap(([status, content]) =>
            Object.keys(content['application/problem+json']?.examples ?? {}).map((code) => `${status} ${code}`),
          ),
        ),
      };
    }),
  );
  const patterns = operations.map((operation) => [pathPattern(operation.path), operation] as const);
  const checks = new Map<string, SchemaCheck | null>();
  const checkOf = ({ path, method }: ApiOperation, status: number): SchemaCheck | null => {
    const key = `${method} ${path} ${status}`;
    if (!checks.has(key)) {
      const schema = document.paths[path]?.[method.toLowerCase()]?.responses[status]?.content?.['application/json']?.schema;
      checks.set(key, schema === undefined ? null : compile(schema));
    }
    return checks.get(key) ?? null;
  };
  const errors = compile({ $ref: '#/components/schemas/Problem' });
  return {
    operations,
    find: (method, path) => {
      const fitting = patterns.filter(
        ([pattern, operation]) => pattern.test(path) && operation.method === (method === 'HEAD' ? 'GET' : method),
      );
      // `/v1/plans/validate` before `/v1/plans/{id}`
      return fitting.sort(([, one], [, other]) => one.path.split('{').length - other.path.split('{').length)[0]?.[1] ?? null;
    },
    resolve: (ref) => components.schemas[ref.split('/').at(-1) ?? ''] ?? {},
    problem: (operation, status, body) => checkOf(operation, status)?.problem(body) ?? null,
    errorProblem: (body) => errors.problem(body),
  };
}
