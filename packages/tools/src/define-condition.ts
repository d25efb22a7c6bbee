/** Conditions written in code, which a lone name calls in `when` and in condition steps. */
import type { NamedCondition, ReferenceScope } from '@countersign/shared';
import { z } from 'zod';
import { ToolError } from './tool.ts';

export interface ConditionDefinition {
  /** letters, digits and '_', not beginning with a digit, like `is_urgent` */
  name: string;
  /** for people: when it holds */
  description: string;
  /**
   * Whether it holds. `scope` is a copy of what the step sees: the plan's input, the task, and by id the steps that it depends
   * on. It decides at once: a promise is an error. It must give the same answer whenever the scope is the same, since a
   * step that lost its executor is looked at again.
   */
  evaluate(scope: ReferenceScope): boolean;
}

const RESERVED: readonly string[] = ['and', 'or', 'not', 'contains', 'true', 'false', 'null'];

const definition = z.strictObject({
  name: z
    .string()
    .max(64)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be letters, digits and '_', and not begin with a digit")
    .refine((name) => !RESERVED.includes(name), `must not be one of the words ${RESERVED.join(', ')}, which conditions use themselves`),
  description: z.string().min(1),
  evaluate: z.custom<ConditionDefinition['evaluate']>((value) => typeof value === 'function', 'must be a function evaluate(scope)'),
});

/** Checks what a module calls a condition. Throws an Error that names every field that is wrong. */
export function checkCondition(value: unknown): asserts value is ConditionDefinition {
  const parsed = definition.safeParse(value);
  if (parsed.success) return;
  throw new Error(
    `the condition is wrong: ${parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the object'}: ${message}`).join('; ')}`,
  );
}

/** A condition for a module of TOOLS_DIR to export. Throws an Error when the definition is wrong, for instance its name. */
export function defineCondition(condition: ConditionDefinition): ConditionDefinition {
  checkCondition(condition);
  return condition;
}

const described = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`);

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** What `evaluateCondition` calls. Whatever the code does wrong is a ToolError `bad_condition` that names the condition. */
export function namedCondition(condition: ConditionDefinition): NamedCondition {
  const wrong = (what: string, cause?: unknown): ToolError =>
    new ToolError('bad_condition', `the condition \`${condition.name}\` ${what}`, { cause });
  return (scope) => {
    let value: unknown;
    try {
      // A copy: the plan's input is shared by all steps of the plan.
      value = condition.evaluate(structuredClone(scope));
    } catch (error) {
      throw wrong(`threw: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    if (typeof value === 'boolean') return value;
    if (!isPromise(value)) throw wrong(`must return true or false, it returned ${described(value)}`);
    // Nobody waits for it: its failure must not end the process.
    value.then(undefined, () => {});
    throw wrong('returned a promise; conditions decide at once, without waiting for anything');
  };
}
