/** Reading one step: every field checked on its own, defaults filled in. What steps have to do with each other is in check-steps. */
import { RESERVED_STEP_IDS, STEP_ID } from '../ids.ts';
import { isObject, type JsonObject } from '../json.ts';
import { ON_ERROR, type PlanOptions, type Step } from '../plan.ts';
import type { ToolContract } from '../tool-contract.ts';
import type { ValidationContext } from './context.ts';
import { type Branches, readBranches, readForEach, readRunIf, readWhen } from './read-flow.ts';
import { readGate } from './read-gate.ts';
import { readRetry } from './read-options.ts';
import { type FoundReference, readReferences } from './read-references.ts';
import { MAX_DURATION, type Path, type Report, readStepIds, readText, readWhole, reportUnknownFields, typeName } from './reading.ts';

const STEP_FIELDS = [
  'id',
  'tool',
  'description',
  'input',
  'dependsOn',
  'when',
  'runIf',
  'retry',
  'timeoutMs',
  'onError',
  'approval',
  'forEach',
  'maxItems',
  'ifTrue',
  'ifFalse',
];

export interface Candidate {
  step: Step;
  index: number;
  /** where each written dependency stands in `dependsOn` */
  dependencyAt: ReadonlyMap<string, number>;
  branches: Branches;
  references: readonly FoundReference[];
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
  reportUnknownFields(raw, STEP_FIELDS, { path, report, what: 'a step' });

  const contract = readTool(raw.tool, [...path, 'tool'], { report, context });
  const tool = typeof raw.tool === 'string' ? raw.tool : '';
  const input = raw.input === undefined ? {} : raw.input;
  if (!isObject(input)) report([...path, 'input'], 'bad_input', `must be an object, got ${typeName(input)}`);
  const called = { tool, input: isObject(input) ? (input as JsonObject) : {} };
  if (raw.onError !== undefined && !ON_ERROR.includes(raw.onError as never))
    report([...path, 'onError'], 'bad_option', "must be 'stop' or 'continue'");

  const retryFallback = written.retry === undefined ? (contract?.retry ?? options.retry) : options.retry;
  const timeoutFallback = written.stepTimeoutMs === undefined ? (contract?.timeoutMs ?? options.stepTimeoutMs) : options.stepTimeoutMs;
  const timeout = { report, min: 1, max: MAX_DURATION, what: 'milliseconds' };
  const dependencyAt = readStepIds(raw.dependsOn, [...path, 'dependsOn'], report);
  const { approval, asked } = readGate(raw, path, { step: called, report });
  const { forEach, maxItems } = readForEach(raw, path, { report, tool });
  const branches = readBranches(raw, path, { report, tool, forEach });
  const step: Step = {
    id: readId(raw.id, [...path, 'id'], report),
    ...called,
    description: readText(raw.description, [...path, 'description'], { report }),
    dependsOn: [...dependencyAt.keys()],
    when: readWhen(raw.when, [...path, 'when'], report),
    runIf: readRunIf(raw.runIf, [...path, 'runIf'], report),
    retry: readRetry(raw.retry, [...path, 'retry'], { report, fallback: retryFallback }),
    timeoutMs: readWhole(raw.timeoutMs, [...path, 'timeoutMs'], timeout) ?? timeoutFallback,
    onError: (raw.onError as Step['onError'] | undefined) ?? (options.stopOnError ? 'stop' : 'continue'),
    approval,
    forEach,
    maxItems,
    ifTrue: [...branches.ifTrue.keys()],
    ifFalse: [...branches.ifFalse.keys()],
  };
  return { step, index, dependencyAt, branches, references: readReferences(step, path, { asked, report, context }) };
}
