/** From what stands in a template's file to a template, or to everything that is wrong with it. */
import {
  type Issue,
  isObject,
  type Json,
  type JsonObject,
  LIMITS,
  parseTemplate,
  pathProblem,
  pathText,
  TEMPLATE_NAME,
  type Template,
  TOOL_NAME,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';
import { compileSchema, type SchemaCheck, schemaIssues } from '@countersign/tools';
import { z } from 'zod';
import { issuesOf } from '../issues.ts';

const FIELDS = ['name', 'description', 'parameters', 'objective', 'steps', 'options', 'tools'];

const ownFields = z.looseObject({
  description: z.string().trim().min(1, 'must say what the template is for').max(LIMITS.textLength),
  parameters: z.looseObject({ type: z.literal('object', 'must be "object": the parameters are an object, with one property for each') }),
  tools: z.array(z.string().regex(TOOL_NAME, 'must be the name of a tool')).min(1, 'must name a tool, or be left out').optional(),
});

export type TemplateReading = { ok: true; template: Omit<Template, 'digest'>; parameters: SchemaCheck } | { ok: false; issues: Issue[] };

/** `fileName` is without its extension: the template's name where the file gives none. */
export function readTemplate(value: Json, fileName: string): TemplateReading {
  if (!isObject(value)) {
    const message = `a template is an object with ${quoted(FIELDS)}`;
    return { ok: false, issues: [{ path: '', code: 'bad_input', message }] };
  }
  const written = value as JsonObject;
  const own = ownFields.safeParse(written);
  const name = written.name ?? fileName;
  const parameters = closed(isObject(written.parameters) ? (written.parameters as JsonObject) : {});
  const wrongParameters = schemaIssues(parameters, 'parameters');
  const check = wrongParameters.length === 0 ? compileSchema(parameters, { field: 'parameters' }) : null;
  const issues: Issue[] = [
    ...Object.keys(written).flatMap(unknownField),
    ...nameIssues(name, written.name !== undefined),
    ...(own.success ? [] : issuesOf(own.error)),
    ...wrongParameters,
    ...(check === null ? [] : defaultIssues(parameters, check)),
    ...planIssues(written, check === null || parameters.type !== 'object' ? {} : parameters),
  ];
  if (issues.length > 0 || !own.success || check === null) return { ok: false, issues };
  const { description, tools = null } = own.data;
  const { objective, steps, options = {} } = written as unknown as Pick<Template, 'objective' | 'steps'> & Partial<Template>;
  return { ok: true, template: { name: String(name), description, parameters, objective, steps, options, tools }, parameters: check };
}

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const unknownField = (field: string): Issue[] =>
  FIELDS.includes(field)
    ? []
    : [{ path: pathText([field]), code: 'unknown_field', message: `a template has no field \`${field}\`; it has ${quoted(FIELDS)}` }];

function nameIssues(name: unknown, written: boolean): Issue[] {
  if (typeof name === 'string' && TEMPLATE_NAME.test(name)) return [];
  const shape = "begins with a letter or a digit and has at most 128 letters, digits, '.', '_' and '-'";
  const message = written
    ? `a name ${shape}`
    : `the name of the file is that of the template, and ${JSON.stringify(name)} can't be one: it ${shape}. Rename the file, or give the template a \`name\``;
  return [{ path: 'name', code: 'bad_input', message }];
}

/** What says, besides `properties`, which members an object may have. */
const SAYS_WHICH = ['additionalProperties', 'unevaluatedProperties', 'patternProperties', 'propertyNames', '$ref', '$dynamicRef'].concat([
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'dependentSchemas',
  'dependencies',
]);

/** A misspelt parameter is an error unless the schema says that there may be others. */
const closed = (parameters: JsonObject): JsonObject =>
  SAYS_WHICH.some((keyword) => Object.hasOwn(parameters, keyword)) ? parameters : { ...parameters, additionalProperties: false };

/** Defaults that don't fit: whoever leaves a parameter out would be told of a value that nobody gave. */
function defaultIssues({ properties }: JsonObject, check: SchemaCheck): Issue[] {
  if (!isObject(properties)) return [];
  const found = check.issues({}, 'input');
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property) || property.default === undefined) return [];
    const path = pathText(['input', name]);
    const place = pathText(['parameters', 'properties', name, 'default']);
    return found
      .filter((issue) => issue.path === path || issue.path.startsWith(`${path}.`) || issue.path.startsWith(`${path}[`))
      .map((issue) => ({ ...issue, path: place + issue.path.slice(path.length), message: `the default does not fit: ${issue.message}` }));
  });
}

/** What is wrong with the plan, whatever tools and conditions there will be when the template is used. */
function planIssues({ objective, steps, options, tools }: JsonObject, inputSchema: JsonObject): Issue[] {
  const draft = { objective, ...(steps !== undefined && { steps }), ...(options !== undefined && { options }) };
  const named = (Array.isArray(steps) ? steps : []).flatMap((step, index) =>
    isObject(step) && typeof step.tool === 'string' ? [{ tool: step.tool, index }] : [],
  );
  const context = {
    tools: new Map(named.map(({ tool }) => [tool, anyTool(tool)])),
    allowedTools: Array.isArray(tools) ? tools.filter((tool) => typeof tool === 'string') : null,
    conditions: { has: () => true },
    inputSchema,
  };
  return [
    ...validatePlan(draft, context).issues,
    ...named
      .filter(({ tool }) => !TOOL_NAME.test(tool))
      .map(
        ({ tool, index }): Issue => ({
          path: `steps[${index}].tool`,
          code: 'unknown_tool',
          message: `no tool can be called \`${tool.slice(0, 128)}\``,
        }),
      ),
    ...(typeof objective === 'string' ? objectiveIssues(objective, inputSchema) : []),
  ];
}

/** A tool of which nothing is known but its name. */
const anyTool = (name: string): ToolContract => ({
  name,
  description: name,
  risk: 'read',
  idempotent: false,
  inputSchema: {},
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
});

/** An objective is rendered before there is a plan: all that it can read is the input. */
const objectiveIssues = (objective: string, inputSchema: JsonObject): Issue[] =>
  parseTemplate(objective).flatMap((part): Issue[] => {
    if (part.kind === 'text') return [];
    const problem =
      part.kind === 'malformed'
        ? part.message
        : part.reference.root === 'input'
          ? pathProblem(inputSchema, part.reference.path, 'input')
          : 'an objective reads only the parameters, as {{input.name}}';
    const text = part.kind === 'malformed' ? part.text : part.reference.text;
    return problem === null ? [] : [{ path: 'objective', code: 'unknown_reference', message: `{{${text}}}: ${problem}` }];
  });
