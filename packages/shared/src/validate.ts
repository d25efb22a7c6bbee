/**
 * Validation: from what somebody wrote to content that can be signed, or to every issue at once. The API, the planner
 * and clients use this same function.
 */
import { z } from 'zod';
import { conditionReferences, parseCondition } from './conditions.ts';
import { findCycles } from './graph.ts';
import { RESERVED_STEP_IDS, STEP_ID } from './ids.ts';
import { type Issue, type IssueCode, pathText } from './issue.ts';
import { byteLength, isObject, type JsonObject, jsonDepth } from './json.ts';
import { LIMITS } from './limits.ts';
import { ON_ERROR, type PlanContent, type PlanOptions, planOptionsSchema, type Step } from './plan.ts';
import { parseTemplate, REFERENCE_ROOTS, type Reference, walkStrings } from './references.ts';
import { type RetryPolicy, retryPolicySchema } from './retry.ts';
import { type SignedToolContract, signedContract, type ToolContract } from './tool-contract.ts';

/** The tool whose input is an expression instead of a template. */
export const CONDITION_TOOL = 'condition';

export interface ValidationContext {
  /** every tool that the fleet has, by name */
  tools: ReadonlyMap<string, ToolContract>;
  /** the tools that this plan may use; absent: all */
  allowedTools?: readonly string[] | null;
  /** the names of the conditions registered in code; absent: none */
  conditions?: Pick<ReadonlySet<string>, 'has'>;
}

export type ValidationResult = { valid: true; content: PlanContent; issues: [] } | { valid: false; issues: Issue[] };

type Path = readonly PropertyKey[];
type Report = (path: Path, code: IssueCode, message: string) => void;

const PLAN_FIELDS = ['objective', 'description', 'input', 'steps', 'options'];
const STEP_FIELDS = ['id', 'tool', 'description', 'input', 'dependsOn', 'retry', 'timeoutMs', 'onError'];
/** Fields and options of the plan language whose engine is not there yet: refused rather than ignored. */
const LATER_STEP_FIELDS = ['when', 'runIf', 'approval', 'forEach', 'maxItems', 'ifTrue', 'ifFalse'];
const LATER_OPTIONS: readonly (readonly [keyof PlanOptions, (options: PlanOptions) => boolean])[] = [
  ['planTimeoutMs', (options) => options.planTimeoutMs !== null],
  ['approvalTimeoutMs', (options) => options.approvalTimeoutMs !== null],
  ['replan', (options) => options.replan.maxRevisions > 0],
  ['summarize', (options) => options.summarize],
  ['priority', (options) => options.priority !== 0],
  ['startAt', (options) => options.startAt !== null],
];

const typeName = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

function reportUnknownFields(
  value: Record<string, unknown>,
  known: readonly string[],
  { path, report, what }: { path: Path; report: Report; what: string },
): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      report([...path, key], 'unknown_field', `${what} has no field \`${key}\`; it has ${known.map((name) => `\`${name}\``).join(', ')}`);
  }
}

function readText(value: unknown, path: Path, { report, max = LIMITS.textLength }: { report: Report; max?: number }): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') report(path, 'bad_input', `must be text, got ${typeName(value)}`);
  else if (value.length > max) report(path, 'limit_exceeded', `must have at most ${max} characters, has ${value.length}`);
  else return value;
  return '';
}

function readOptions(value: unknown, report: Report): PlanOptions {
  const defaults = planOptionsSchema.parse({});
  if (value === undefined) return defaults;
  const parsed = planOptionsSchema.safeParse(value);
  const wrong = new Set<PropertyKey | undefined>();
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) report(['options', ...issue.path, key], 'unknown_field', `there is no option \`${key}\``);
    } else report(['options', ...issue.path], 'bad_option', issue.message);
    for (const key of issue.path.length === 0 && issue.code === 'unrecognized_keys' ? issue.keys : [issue.path[0]]) wrong.add(key);
  }
  // What is right is looked at also where something else is wrong, so that every issue comes at once.
  const right = parsed.success || !isObject(value) ? parsed.data : withoutKeys(value, wrong);
  for (const [name, used] of LATER_OPTIONS) {
    if (right !== undefined && used(right)) report(['options', name], 'bad_option', `\`${name}\` is not supported yet`);
  }
  return parsed.data ?? defaults;
}

const withoutKeys = (options: Record<string, unknown>, wrong: ReadonlySet<PropertyKey | undefined>): PlanOptions | undefined =>
  planOptionsSchema.safeParse(Object.fromEntries(Object.entries(options).filter(([key]) => !wrong.has(key)))).data;

function readRetry(value: unknown, path: Path, { report, fallback }: { report: Report; fallback: RetryPolicy }): RetryPolicy {
  if (value === undefined) return fallback;
  const parsed = retryPolicySchema.safeParse(isObject(value) ? { ...fallback, ...value } : value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) report([...path, key], 'unknown_field', `retry has no field \`${key}\``);
    else report([...path, ...issue.path], 'bad_option', issue.message);
  }
  return fallback;
}

interface Candidate {
  step: Step;
  index: number;
  /** where each written dependency stands in `dependsOn` */
  dependencyAt: ReadonlyMap<string, number>;
  references: { reference: Reference; path: Path }[];
}

/** What a step takes from the plan's options and its tool where it says nothing itself. */
interface StepDefaults {
  options: PlanOptions;
  /** the options as written, to tell what was asked for from what is a default */
  written: Record<string, unknown>;
  context: ValidationContext;
}

function readId(raw: unknown, path: Path, report: Report): string {
  if (typeof raw !== 'string' || !STEP_ID.test(raw)) {
    report(
      path,
      'bad_id',
      `an id starts with a letter and has at most 64 letters, digits, '_' and '-'; got ${JSON.stringify(raw)?.slice(0, 100)}`,
    );
    return '';
  }
  if (RESERVED_STEP_IDS.includes(raw)) report(path, 'bad_id', `\`${raw}\` is reserved: references use it`);
  return raw;
}

function readTool(raw: unknown, path: Path, { report, context }: { report: Report; context: ValidationContext }): ToolContract | undefined {
  if (typeof raw !== 'string') {
    report(path, 'unknown_tool', `must be the name of a tool, got ${typeName(raw)}`);
    return undefined;
  }
  const tool = context.tools.get(raw);
  const allowed = context.allowedTools;
  if (tool === undefined) {
    const names = [...context.tools.keys()].filter((name) => !allowed || allowed.includes(name)).sort();
    report(
      path,
      'unknown_tool',
      `there is no tool \`${raw.slice(0, 128)}\`; there are ${names.join(', ') || 'none: no executor has announced its tools'}`,
    );
  } else if (allowed && !allowed.includes(raw)) {
    report(path, 'unknown_tool', `this plan may not use \`${raw}\`; it may use ${allowed.join(', ') || 'no tool'}`);
  }
  return tool;
}

function readDependsOn(raw: unknown, path: Path, report: Report): Map<string, number> {
  const positions = new Map<string, number>();
  if (raw === undefined) return positions;
  if (!Array.isArray(raw)) {
    report(path, 'unknown_step', `must be a list of step ids, got ${typeName(raw)}`);
    return positions;
  }
  raw.forEach((id, index) => {
    if (typeof id !== 'string') report([...path, index], 'unknown_step', `must be a step id, got ${typeName(id)}`);
    else if (!positions.has(id)) positions.set(id, index);
  });
  return positions;
}

function readReferences(
  { input, tool }: Pick<Step, 'input' | 'tool'>,
  path: Path,
  { report, context }: { report: Report; context: ValidationContext },
): Candidate['references'] {
  const references: Candidate['references'] = [];
  walkStrings(input, (text, inner) => {
    const at = [...path, ...inner];
    if (tool === CONDITION_TOOL && inner.length === 1 && inner[0] === 'expression') {
      const parsed = parseCondition(text, context.conditions);
      if (!parsed.ok) report(at, 'bad_condition', `${parsed.message} (at position ${parsed.position})`);
      else for (const reference of conditionReferences(parsed.condition)) references.push({ reference, path: at });
      return;
    }
    if (!text.includes('{{')) return;
    for (const part of parseTemplate(text)) {
      if (part.kind === 'malformed') report(at, 'unknown_reference', `{{${part.text}}}: ${part.message}`);
      else if (part.kind === 'reference') references.push({ reference: part.reference, path: at });
    }
  });
  return references;
}

function readStep(raw: unknown, index: number, { report, defaults }: { report: Report; defaults: StepDefaults }): Candidate | undefined {
  const path: Path = ['steps', index];
  if (!isObject(raw)) {
    report(path, 'bad_input', `a step must be an object, got ${typeName(raw)}`);
    return undefined;
  }
  const { options, written, context } = defaults;
  const later = LATER_STEP_FIELDS.filter((field) => raw[field] !== undefined && raw[field] !== null);
  for (const field of later) report([...path, field], 'unknown_field', `\`${field}\` is not supported yet`);
  const known = Object.fromEntries(Object.entries(raw).filter(([key]) => !LATER_STEP_FIELDS.includes(key)));
  reportUnknownFields(known, STEP_FIELDS, { path, report, what: 'a step' });

  const tool = readTool(raw.tool, [...path, 'tool'], { report, context });
  const toolName = typeof raw.tool === 'string' ? raw.tool : '';
  const input = raw.input === undefined ? {} : raw.input;
  if (!isObject(input)) report([...path, 'input'], 'bad_input', `must be an object, got ${typeName(input)}`);
  const timeoutMs = raw.timeoutMs;
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && (timeoutMs as number) > 0 && (timeoutMs as number) <= 2_147_483_647)) {
    report([...path, 'timeoutMs'], 'bad_option', 'must be a whole number of milliseconds, at least 1');
  }
  if (raw.onError !== undefined && !ON_ERROR.includes(raw.onError as never))
    report([...path, 'onError'], 'bad_option', "must be 'stop' or 'continue'");

  const retryFallback = written.retry === undefined ? (tool?.retry ?? options.retry) : options.retry;
  const timeoutFallback = written.stepTimeoutMs === undefined ? (tool?.timeoutMs ?? options.stepTimeoutMs) : options.stepTimeoutMs;
  const dependencyAt = readDependsOn(raw.dependsOn, [...path, 'dependsOn'], report);
  const step: Step = {
    id: readId(raw.id, [...path, 'id'], report),
    tool: toolName,
    description: readText(raw.description, [...path, 'description'], { report }),
    input: isObject(input) ? (input as JsonObject) : {},
    dependsOn: [...dependencyAt.keys()],
    when: null,
    runIf: 'none_failed_min_one_success',
    retry: readRetry(raw.retry, [...path, 'retry'], { report, fallback: retryFallback }),
    timeoutMs: typeof timeoutMs === 'number' ? timeoutMs : timeoutFallback,
    onError: (raw.onError as Step['onError'] | undefined) ?? (options.stopOnError ? 'stop' : 'continue'),
    approval: null,
    forEach: null,
    maxItems: null,
  };
  return { step, index, dependencyAt, references: readReferences(step, [...path, 'input'], { report, context }) };
}

/** Checks that each reference names something, and turns references to steps into dependencies. */
function linkSteps(candidates: readonly Candidate[], report: Report): void {
  // A step with a bad id has '' here, which nothing can name.
  const ids = new Set(candidates.map(({ step }) => step.id).filter((id) => id !== ''));
  for (const { step, index, references, dependencyAt } of candidates) {
    for (const [id, position] of dependencyAt) {
      if (!ids.has(id)) report(['steps', index, 'dependsOn', position], 'unknown_step', `there is no step \`${id}\``);
    }
    const known = new Set(step.dependsOn);
    for (const { reference, path } of references) {
      const problem = referenceProblem(reference, ids);
      if (problem !== null) report(path, 'unknown_reference', `{{${reference.text}}}: ${problem}`);
      else if (!REFERENCE_ROOTS.includes(reference.root) && !known.has(reference.root)) {
        known.add(reference.root);
        step.dependsOn.push(reference.root);
      }
    }
  }
}

function referenceProblem({ root, path }: Reference, ids: ReadonlySet<string>): string | null {
  if (root === 'input') return null;
  if (root === 'task') return path.length === 1 && (path[0] === 'id' || path[0] === 'objective') ? null : 'a task has `id` and `objective`';
  if (root === 'item' || root === 'index') return `\`${root}\` has a meaning only in a step with forEach`;
  if (!ids.has(root)) return `there is no step \`${root}\`; a reference starts with a step's id, \`input\` or \`task\``;
  const facet = path[0];
  if (facet === 'output' || facet === 'error') return null;
  if (facet === 'status' && path.length === 1) return null;
  if (facet === 'approval' && path[1] === 'data') return null;
  return `a step has \`output\`, \`status\`, \`error\` and \`approval.data\`: write {{${root}.output...}}`;
}

function reportCycles(candidates: readonly Candidate[], report: Report): void {
  const position = new Map(candidates.map(({ step }, at) => [step.id, at]));
  const dependencies = candidates.map(({ step }) => step.dependsOn.map((id) => position.get(id)).filter((at) => at !== undefined));
  for (const cycle of findCycles(dependencies)) {
    const names = [...cycle, cycle[0] as number].map((at) => candidates[at]?.step.id);
    const first = candidates[cycle[0] as number];
    report(['steps', first?.index ?? 0, 'dependsOn'], 'cycle', `these steps wait for each other: ${names.join(' -> ')}`);
  }
}

/** Whether a JSON value holds a placeholder at this path or below it. */
function unknownBelow(value: unknown): boolean {
  let found = false;
  walkStrings(value, (text) => {
    found ||= text.includes('{{') && parseTemplate(text).some((part) => part.kind !== 'text');
  });
  return found;
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (current, key) => (typeof current === 'object' && current !== null ? (current as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );

/** Checks inputs against the tools' schemas, as far as they are known before references have values. */
function checkInputs(candidates: readonly Candidate[], { tools }: ValidationContext, report: Report): void {
  const schemas = new Map<string, z.ZodType | null>();
  for (const { step, index } of candidates) {
    const tool = tools.get(step.tool);
    if (tool === undefined) continue;
    if (!schemas.has(step.tool)) schemas.set(step.tool, compileSchema(tool.inputSchema));
    const parsed = schemas.get(step.tool)?.safeParse(step.input);
    for (const issue of parsed?.error?.issues ?? []) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          report(['steps', index, 'input', ...issue.path, key], 'bad_input', `\`${step.tool}\` takes no \`${key}\``);
      } else if (!unknownBelow(at(step.input, issue.path))) {
        report(
          ['steps', index, 'input', ...issue.path],
          'bad_input',
          `${issue.message} (\`${step.tool}\` takes ${describeSchema(tool.inputSchema)})`,
        );
      }
    }
  }
}

function compileSchema(schema: JsonObject): z.ZodType | null {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    // A schema with a keyword that can't be checked here is checked by the executor, with the values known.
    return null;
  }
}

function describeSchema(schema: JsonObject): string {
  const properties = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  return properties.length === 0 ? 'no input' : `{${properties.map((name) => (required.includes(name) ? name : `${name}?`)).join(', ')}}`;
}

/** Validates a plan as written. The issues are all there are, not only the first. */
export function validatePlan(draft: unknown, context: ValidationContext): ValidationResult {
  const issues: Issue[] = [];
  const report: Report = (path, code, message) => issues.push({ path: pathText(path), code, message });
  if (!isObject(draft))
    return { valid: false, issues: [{ path: '', code: 'bad_input', message: `a plan must be an object, got ${typeName(draft)}` }] };
  if (jsonDepth(draft, LIMITS.jsonDepth) > LIMITS.jsonDepth) {
    return {
      valid: false,
      issues: [{ path: '', code: 'limit_exceeded', message: `must not be nested deeper than ${LIMITS.jsonDepth} levels` }],
    };
  }
  reportUnknownFields(draft, PLAN_FIELDS, { path: [], report, what: 'a plan' });
  const objective = readText(draft.objective, ['objective'], { report, max: LIMITS.objectiveLength });
  if (draft.objective === undefined || (typeof draft.objective === 'string' && draft.objective.trim() === '')) {
    report(['objective'], 'bad_input', 'must say what the plan is for');
  }
  const description = readText(draft.description, ['description'], { report });
  const input = draft.input === undefined ? {} : draft.input;
  if (!isObject(input)) report(['input'], 'bad_input', `must be an object, got ${typeName(input)}`);
  const options = readOptions(draft.options, report);

  const rawSteps = draft.steps;
  if (!Array.isArray(rawSteps)) {
    report(['steps'], 'bad_input', `must be a list of steps, got ${typeName(rawSteps)}`);
    return { valid: false, issues };
  }
  if (rawSteps.length === 0) report(['steps'], 'limit_exceeded', 'a plan has at least 1 step');
  if (rawSteps.length > LIMITS.steps) {
    report(['steps'], 'limit_exceeded', `a plan has at most ${LIMITS.steps} steps, this one has ${rawSteps.length}`);
    return { valid: false, issues };
  }
  const defaults: StepDefaults = { options, written: isObject(draft.options) ? draft.options : {}, context };
  const candidates = rawSteps
    .map((raw, index) => readStep(raw, index, { report, defaults }))
    .filter((candidate) => candidate !== undefined);

  const seen = new Map<string, number>();
  for (const { step, index } of candidates) {
    if (step.id === '') continue;
    const first = seen.get(step.id);
    if (first !== undefined) report(['steps', index, 'id'], 'duplicate_id', `\`${step.id}\` is the id of steps[${first}] already`);
    else seen.set(step.id, index);
  }
  linkSteps(candidates, report);
  reportCycles(candidates, report);
  checkInputs(candidates, context, report);
  const inputBytes = byteLength(JSON.stringify([input, ...candidates.map(({ step }) => step.input)]));
  if (inputBytes > LIMITS.inputBytes)
    report(['steps'], 'limit_exceeded', `all inputs together may have ${LIMITS.inputBytes} bytes, these have ${inputBytes}`);
  if (issues.length > 0) return { valid: false, issues };

  const steps = candidates.map(({ step }) => step);
  const used = [...new Set(steps.map(({ tool }) => tool))].sort();
  const tools: Record<string, SignedToolContract> = {};
  for (const name of used) tools[name] = signedContract(context.tools.get(name) as ToolContract);
  return { valid: true, issues: [], content: { objective, description, input: input as JsonObject, steps, options, tools } };
}

/** Checks options alone, as a task carries them for its plan. Paths start with `options`. */
export function validateOptions(options: unknown): Issue[] {
  const issues: Issue[] = [];
  readOptions(options, (path, code, message) => issues.push({ path: pathText(path), code, message }));
  return issues;
}
