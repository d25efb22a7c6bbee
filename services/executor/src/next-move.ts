/**
 * What a claimed step does next, decided from its plan and from what it sees, without touching the store: its condition is
 * looked at, then its gate asks, then a forEach is expanded, then its tool is called.
 */
import {
  contractChanges,
  type Json,
  type JsonObject,
  LIMITS,
  type NamedCondition,
  type ReferenceScope,
  renderText,
  resolveReferences,
  type SecretPlace,
  type StepError,
  secretStandIn,
  signedContract,
  stepSecrets,
  withSecrets,
} from '@countersign/shared';
import type { StepOutcome } from '@countersign/store';
import { type Tool, ToolError } from '@countersign/tools';
import { elementsOf } from './elements.ts';
import type { LoadedRevision, LoadedStep } from './revision-cache.ts';
import { fillSecrets, NOTHING_OPENED, type OpenedSecrets } from './secrets/give-secrets.ts';
import type { SecretRules } from './secrets/secret-rules.ts';
import { type Evaluate, evaluator, scopeOf } from './step-scope.ts';

export interface ToolCall {
  tool: Tool;
  /** checked against the tool's schema */
  input: unknown;
  /** JSON text; null when the input was no template */
  resolvedInput: string | null;
  evaluate: Evaluate;
  /** what the approval of the step's gate brought; undefined where it brought nothing, or there is no gate */
  approvalData: Json | undefined;
  /** the names of those in the input */
  secrets: readonly string[];
}

export type Move =
  | { do: 'fail'; error: StepError }
  /** its condition is false */
  | { do: 'decline' }
  /** `call` is what is asked about, with stand-ins for secrets; null where its input differs by element, or holds what only the approval brings */
  | { do: 'ask'; resolvedInput: string | null; message: string; call: { tool: Tool; input: JsonObject; secrets: readonly string[] } | null }
  /** `items` are JSON texts; at least one */
  | { do: 'expand'; items: readonly string[] }
  /** without a call; `output` is JSON text */
  | { do: 'complete'; output: string }
  | { do: 'call'; call: ToolCall };

export interface Situation {
  /** of the job: for a forEach step's child its own */
  stepId: string;
  attempt: number;
  taskId: string | null;
  revision: LoadedRevision;
  loaded: LoadedStep;
  /** of the steps that `loaded` reads, and of the child itself */
  outcomes: ReadonlyMap<string, StepOutcome>;
  /** why it is not known whether its tool is there; null or absent when that is known */
  unreached?: string | null;
  /** absent: the plan names none */
  secrets?: OpenedSecrets;
}

/** What the executor brings. */
export interface Equipment {
  tools: ReadonlyMap<string, Tool>;
  /** the canonical text of the tools' contracts, by name */
  contracts: ReadonlyMap<string, string>;
  conditions: ReadonlyMap<string, NamedCondition>;
  /** null: every tool that takes secrets may be given every one */
  secretRules: SecretRules | null;
}

const refuse = (code: StepError['code'], message: string): Move & { do: 'fail' } => ({
  do: 'fail',
  error: { code, message, retryable: false },
});

/** Whether the step's condition holds, or why that can't be said. */
function decideWhen(when: string, evaluate: Evaluate): boolean | (Move & { do: 'fail' }) {
  try {
    return evaluate(when);
  } catch (error) {
    if (error instanceof ToolError) return refuse(error.code, `when: ${error.message}`);
    throw error;
  }
}

function signedTool({ loaded, revision, unreached }: Situation, { tools, contracts }: Equipment): Tool | (Move & { do: 'fail' }) {
  const name = loaded.step.tool;
  const tool = tools.get(name);
  if (tool === undefined && unreached != null) return { do: 'fail', error: { code: 'tool_error', message: unreached, retryable: true } };
  if (tool === undefined) return refuse('unknown_tool', `this executor has no tool ${name}; it has ${[...tools.keys()].sort().join(', ')}`);
  if (contracts.get(name) === revision.contracts.get(name)) return tool;
  const signed = revision.content.tools[name];
  const changes = signed === undefined ? [] : contractChanges(signed, signedContract(tool.contract));
  return refuse(
    'tool_changed',
    `the contract of ${name} is not the one that was approved: its ${changes.join(', ') || 'contract'} changed since`,
  );
}

interface ResolvedInput {
  value: Json;
  /** as `ToolCall` has it */
  text: string | null;
  /** the markers in it that count: the others are data */
  places: readonly SecretPlace[];
}

/** A condition's expression is no template: a value can never become part of it. */
function resolveInput({ revision, loaded: { step, inputIsTemplate } }: Situation, scope: ReferenceScope): ResolvedInput {
  const places = revision.secrets.length === 0 ? [] : stepSecrets(step, revision.signed);
  if (!inputIsTemplate) return { value: step.input, text: null, places };
  const value = resolveReferences(step.input, scope);
  return { value, text: JSON.stringify(value), places };
}

const namesIn = (places: readonly SecretPlace[]): string[] => [...new Set(places.map(({ name }) => name))];

/** What the tool gets: the input with its secrets, checked. */
function checkInput(
  input: ResolvedInput,
  tool: Tool,
  { situation, equipment }: Deciding,
): { ok: true; value: unknown } | (Move & { do: 'fail' }) {
  const { secrets: opened = NOTHING_OPENED } = situation;
  const filled = fillSecrets(input.value, input.places, { tool, opened, rules: equipment.secretRules });
  if (!filled.ok) return { do: 'fail', error: filled.error };
  const checked = tool.check(filled.value);
  return checked.ok ? checked : refuse('invalid_input', checked.message);
}

interface Deciding {
  situation: Situation;
  equipment: Equipment;
}

/** Nobody is asked about what can't be done, as far as that is known before there is an answer. */
function ask(message: string, { tool, scope, ...deciding }: Deciding & { tool: Tool; scope: ReferenceScope }): Move {
  const { step, readsOwnApproval } = deciding.situation.loaded;
  const asked = renderText(resolveReferences(message, scope)).slice(0, LIMITS.textLength);
  if (step.forEach !== null) {
    // Its input differs from element to element: there is no one input to show.
    const elements = readsOwnApproval.forEach ? null : elementsOf(step, scope);
    return elements?.ok === false ? { do: 'fail', error: elements.error } : { do: 'ask', resolvedInput: null, message: asked, call: null };
  }
  const input = resolveInput(deciding.situation, scope);
  const question = { do: 'ask', resolvedInput: input.text, message: asked } as const;
  if (readsOwnApproval.input) return { ...question, call: null };
  const checked = checkInput(input, tool, deciding);
  if ('do' in checked) return checked;
  // A copy: what is resolved shares values with the revision that other steps are run from.
  const shown = structuredClone(withSecrets(input.value, input.places, secretStandIn)) as JsonObject;
  return { ...question, call: { tool, input: shown, secrets: namesIn(input.places) } };
}

function expand(loaded: LoadedStep, scope: ReferenceScope): Move {
  const elements = elementsOf(loaded.step, scope);
  if (!elements.ok) return { do: 'fail', error: elements.error };
  return elements.items.length === 0 ? { do: 'complete', output: '[]' } : { do: 'expand', items: elements.items };
}

export function nextMove(situation: Situation, equipment: Equipment): Move {
  const { stepId, attempt, taskId, revision, loaded, outcomes } = situation;
  const { step } = loaded;
  const isChild = stepId !== step.id;
  const scope = scopeOf(revision.content, { stepId, taskId, outcomes });
  const evaluate = evaluator(scope, equipment.conditions);
  const isApproved = outcomes.get(step.id)?.gate?.decision === 'approved';

  // What was claimed for another attempt, as a child, or behind its gate has been found to run.
  if (step.when !== null && attempt === 1 && !isChild && !isApproved) {
    const holds = decideWhen(step.when, evaluate);
    if (holds === false) return { do: 'decline' };
    if (holds !== true) return holds;
  }
  const tool = signedTool(situation, equipment);
  if (!('contract' in tool)) return tool;
  if (step.approval !== null && !isChild && !isApproved) return ask(step.approval.message, { situation, equipment, tool, scope });
  if (step.forEach !== null && !isChild) return expand(loaded, scope);

  const input = resolveInput(situation, scope);
  const checked = checkInput(input, tool, { situation, equipment });
  if ('do' in checked) return checked;
  const approvalData = step.approval === null ? undefined : scope.steps.get(step.id)?.approvalData;
  return {
    do: 'call',
    call: { tool, input: checked.value, resolvedInput: input.text, evaluate, approvalData, secrets: namesIn(input.places) },
  };
}
