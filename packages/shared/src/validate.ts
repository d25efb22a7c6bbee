/**
 * Validation: from what somebody wrote to content that can be signed, or to every issue at once. The API, the planner
 * and clients use this same function.
 */
import { type Issue, pathText } from './issue.ts';
import { byteLength, isObject, type JsonObject, jsonDepth } from './json.ts';
import { LIMITS } from './limits.ts';
import type { PlanContent } from './plan.ts';
import { type SignedToolContract, signedContract, type ToolContract } from './tool-contract.ts';
import { checkSecrets, reportMalformedMarkers } from './validation/check-secrets.ts';
import { checkInputs, reportCycles, reportDuplicateIds } from './validation/check-steps.ts';
import type { ValidationContext } from './validation/context.ts';
import { linkSteps } from './validation/link-steps.ts';
import { readOptions } from './validation/read-options.ts';
import { readStep, type StepDefaults } from './validation/read-step.ts';
import { type Report, readText, reportUnknownFields, typeName } from './validation/reading.ts';
import { reportUnwritable } from './validation/unwritable.ts';

export type ValidationResult = { valid: true; content: PlanContent; issues: [] } | { valid: false; issues: Issue[] };

const PLAN_FIELDS = ['objective', 'description', 'input', 'steps', 'options'];

/** More than this is no plan that somebody could mend by its issues: a body of 4 MB can hold millions of them. */
const MOST_ISSUES = 20_000;

function collectIssues(): { report: Report; hasIssues(): boolean; listed(): Issue[] } {
  const issues: Issue[] = [];
  let more = 0;
  return {
    report(path, code, message) {
      if (issues.length < MOST_ISSUES) issues.push({ path: pathText(path), code, message });
      else more++;
    },
    hasIssues: () => issues.length > 0,
    listed: () =>
      more === 0 ? issues : [...issues, { path: '', code: 'limit_exceeded', message: `there are ${more} more issues than these` }],
  };
}

/** Validates a plan as written. The issues are all there are (but for those beyond `MOST_ISSUES`, which are counted), not only the first. */
export function validatePlan(draft: unknown, context: ValidationContext): ValidationResult {
  const { report, hasIssues, listed } = collectIssues();
  if (!isObject(draft))
    return { valid: false, issues: [{ path: '', code: 'bad_input', message: `a plan must be an object, got ${typeName(draft)}` }] };
  if (jsonDepth(draft, LIMITS.jsonDepth) > LIMITS.jsonDepth) {
    return {
      valid: false,
      issues: [{ path: '', code: 'limit_exceeded', message: `must not be nested deeper than ${LIMITS.jsonDepth} levels` }],
    };
  }
  reportUnwritable(draft, [], report);
  if (hasIssues()) return { valid: false, issues: listed() };
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
    return { valid: false, issues: listed() };
  }
  if (rawSteps.length === 0) report(['steps'], 'limit_exceeded', 'a plan has at least 1 step');
  if (rawSteps.length > LIMITS.steps) {
    report(['steps'], 'limit_exceeded', `a plan has at most ${LIMITS.steps} steps, this one has ${rawSteps.length}`);
    return { valid: false, issues: listed() };
  }
  const defaults: StepDefaults = { options, written: isObject(draft.options) ? draft.options : {}, context };
  const candidates = rawSteps
    .map((raw, index) => readStep(raw, index, { report, defaults }))
    .filter((candidate) => candidate !== undefined);

  reportDuplicateIds(candidates, report);
  linkSteps(candidates, context, report);
  reportCycles(candidates, report);
  checkInputs(candidates, context, report);
  checkSecrets(candidates, isObject(input) ? (input as JsonObject) : {}, report);
  const inputBytes = byteLength(JSON.stringify([input, ...candidates.map(({ step }) => [step.input, step.forEach])]));
  if (inputBytes > LIMITS.inputBytes)
    report(['steps'], 'limit_exceeded', `all inputs together may have ${LIMITS.inputBytes} bytes, these have ${inputBytes}`);
  if (hasIssues()) return { valid: false, issues: listed() };

  const steps = candidates.map(({ step }) => step);
  const used = [...new Set(steps.map(({ tool }) => tool))].sort();
  const tools: Record<string, SignedToolContract> = {};
  for (const name of used) tools[name] = signedContract(context.tools.get(name) as ToolContract);
  return { valid: true, issues: [], content: { objective, description, input: input as JsonObject, steps, options, tools } };
}

/** Checks options alone, as a task carries them for its plan. Paths start with `options`. */
export function validateOptions(options: unknown): Issue[] {
  const { report, listed } = collectIssues();
  readOptions(options, report);
  return listed();
}

/** Checks the secrets in an input alone, as a task carries it for its plan. Paths start with `input`. */
export function validateInputSecrets(input: unknown): Issue[] {
  const { report, listed } = collectIssues();
  reportMalformedMarkers(input, ['input'], report);
  return listed();
}
