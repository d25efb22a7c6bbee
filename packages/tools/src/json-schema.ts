/** Checking values against JSON Schemas. */
import { type Issue, type JsonObject, pathText } from '@countersign/shared';
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

export interface SchemaCheck {
  /** null when the value fits, else what is wrong with it and where. Writes defaults into the value, unless it is untrusted. */
  problem(value: unknown): string | null;
  /** Everything that is wrong with the value, each at its own path: `root`, or like `root.name`. Empty when it fits. */
  issues(value: unknown, root: string): Issue[];
}

/** Formats stay remarks: without a library for them, Ajv would refuse every schema that names one. */
const OPTIONS: Options = { allErrors: true, strict: false, useDefaults: true, validateFormats: false };

/** Patterns from a plan run in RE2, whose time grows with the text alone: no pattern can hang an executor. */
const linearRegExp = Object.assign((pattern: string) => RE2JS.compile(pattern), { code: 'RE2JS.compile' });

const errorText = ({ instancePath, message, params }: ErrorObject): string => {
  const extra = 'additionalProperty' in params ? ` (${JSON.stringify(params.additionalProperty)})` : '';
  return `${instancePath === '' ? '' : `${instancePath.slice(1).replaceAll('/', '.')}: `}${message ?? 'is wrong'}${extra}`;
};

/** The keys and indexes of a JSON pointer into a value: which of the two a part is depends on what it leads into. */
function pathOf(pointer: string, value: unknown): (string | number)[] {
  let current = value;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(current) ? Number(key) : key;
      current = typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined;
      return step;
    });
}

/** A member that is missing, or one too many, is an issue at its own path. */
function issueOf({ instancePath, message, params }: ErrorObject, value: unknown, root: string): Issue {
  const path = [root, ...pathOf(instancePath, value)];
  const {
    missingProperty,
    additionalProperty,
    unevaluatedProperty = additionalProperty,
    allowedValue,
    allowedValues = allowedValue === undefined ? undefined : [allowedValue],
  } = params as Record<string, unknown>;
  if (typeof missingProperty === 'string') return { path: pathText([...path, missingProperty]), code: 'bad_input', message: 'is missing' };
  if (typeof unevaluatedProperty === 'string')
    return { path: pathText([...path, unevaluatedProperty]), code: 'unknown_field', message: 'is not asked for' };
  const values = Array.isArray(allowedValues) ? `: ${allowedValues.map((allowed) => JSON.stringify(allowed)).join(', ')}` : '';
  return { path: pathText(path), code: 'bad_input', message: `${message ?? 'is wrong'}${values}` };
}

function ajvFor({ $schema }: JsonObject, options: Options): Ajv {
  const dialect = typeof $schema === 'string' ? $schema : '';
  return dialect.includes('draft-07') || dialect.includes('draft-06') ? new Ajv(options) : new Ajv2020(options);
}

const LATEST = ['https://json-schema.org/draft/2020-12/schema', 'https://json-schema.org/draft/2020-12/schema#'];
const DRAFT_07 = ['http://json-schema.org/draft-07/schema#', 'http://json-schema.org/draft-07/schema'];

const known: { latest?: Ajv; draft07?: Ajv } = {};

/**
 * What checks schemas themselves. The schema of a dialect takes as long to compile as some thirty others, so each is compiled
 * once and for all. What is checked with it leaves nothing in it, but for names of dialects, which plans may make up.
 */
function dialectOf(schema: JsonObject): Ajv {
  const { $schema = LATEST[0] } = schema;
  if (LATEST.some((name) => name === $schema)) {
    known.latest ??= new Ajv2020(OPTIONS);
    return known.latest;
  }
  if (DRAFT_07.some((name) => name === $schema)) {
    known.draft07 ??= new Ajv(OPTIONS);
    return known.draft07;
  }
  return ajvFor(schema, OPTIONS);
}

/**
 * Everything that is wrong with a schema itself, as far as it is known where, each at its own path: `root`, or like
 * `root.properties.name`. Empty where `compileSchema` takes it.
 */
export function schemaIssues(schema: JsonObject, root: string): Issue[] {
  try {
    const ajv = dialectOf(schema);
    const found = ajv.validateSchema(schema) ? [] : (ajv.errors ?? []).map((error) => issueOf(error, schema, root));
    // Of several ways in which one place could be right, the first is said.
    if (found.length > 0) return [...new Map(found.reverse().map((issue) => [issue.path, issue])).values()].reverse();
    compileSchema(schema, { field: 'this' });
    return [];
  } catch (error) {
    return [{ path: root, code: 'bad_input', message: (error as Error).message }];
  }
}

/**
 * Reads a schema. `untrusted`: it comes from a plan and not from an executor's own code. Throws an Error that names `field`
 * when it can't be used.
 */
export function compileSchema(schema: JsonObject, { field, untrusted = false }: { field: string; untrusted?: boolean }): SchemaCheck {
  const options = untrusted ? { ...OPTIONS, useDefaults: false, code: { regExp: linearRegExp } } : OPTIONS;
  try {
    dialectOf(schema).validateSchema(schema, true);
    const check = ajvFor(schema, { ...options, validateSchema: false }).compile(schema);
    if ('$async' in check) throw new Error('$async is not supported');
    return {
      problem: (value) => (check(value) ? null : (check.errors ?? []).map(errorText).join('; ')),
      issues: (value, root) => (check(value) ? [] : (check.errors ?? []).map((error) => issueOf(error, value, root))),
    };
  } catch (cause) {
    throw new Error(`${field} is not a JSON Schema that can be checked: ${(cause as Error).message}`, { cause });
  }
}
