/** Reading one step: every field checked on its own, defaults filled in. What steps have to do with each other is in check-steps. */
import { conditionReferences, parseCondition } from '../conditions.ts';
import { RESERVED_STEP_IDS, STEP_ID } from '../ids.ts';
import { isObject, type JsonObject } from '../json.ts';
import { ON_ERROR, type PlanOptions, type Step } from '../plan.ts';
import { parseTemplate, type Reference, walkStrings } from '../references.ts';
import { CONDITION_TOOL } from '../step-references.ts';
import type { ToolContract } from '../tool-contract.ts';
import type { ValidationContext } from './context.ts';
import { readRetry } from './read-options.ts';
import { type Path, type Report, readText, reportUnknownFields, typeName } from './reading.ts';

const STEP_FIELDS = ['id', 'tool', 'description', 'input', 'dependsOn', 'retry', 'timeoutMs', 'onError'];
/** Fields whose engine is not there yet: refused rather than ignored. */
const LATER_STEP_FIELDS = ['when', 'runIf', 'approval', 'forEach', 'maxItems', 'ifTrue', 'ifFalse'];

export interface Candidate {
  step: Step;
  index: number;
  /** where each written dependency stands in `dependsOn` */
  dependencyAt: ReadonlyMap<string, number>;
  references: { reference: Reference; path: Path }[];
}

/** What a step takes from the plan's options and its tool where it says nothing itself. */
export interface StepDefaults {
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

export function readStep(
  raw: unknown,
  index: number,
  { report, defaults }: { report: Report; defaults: StepDefaults },
): Candidate | undefined {
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
