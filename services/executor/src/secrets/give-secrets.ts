/** What an executor's secrets are to the steps that it runs: opened for a plan, put into an input, taken out of what comes back. */
import { type Json, type SecretPlace, type StepError, withSecrets } from '@countersign/shared';
import type { Tool } from '@countersign/tools';
import { NO_REDACTION, type Redaction, redactionOf } from './redaction.ts';
import { type SecretRules, secretRefusal } from './secret-rules.ts';
import type { SecretReading, SecretSource } from './secret-source.ts';

/** The secrets that a plan names, as they are at one moment. */
export interface OpenedSecrets {
  readings: ReadonlyMap<string, SecretReading>;
  /** of all that could be read: a step can get back what another one of its plan was given */
  redaction: Redaction;
}

export const NOTHING_OPENED: OpenedSecrets = { readings: new Map(), redaction: NO_REDACTION };

export interface Secrets {
  /** null: every tool that takes secrets may be given every one */
  rules: SecretRules | null;
  /** the names that there are now */
  names(): Promise<string[]>;
  /** Reads the secrets of a plan. Those that can't be read say why. */
  open(names: readonly string[]): Promise<OpenedSecrets>;
  /** a line of the log without any value that was read by this process */
  cleanLine(line: string): string;
}

/** Of one secret, the values that log lines are cleaned of: the current one, and those that it replaced. */
const VALUES_REMEMBERED = 3;

export function executorSecrets(source: SecretSource, rules: SecretRules | null = null): Secrets {
  const seen = new Map<string, string[]>();
  let logs = NO_REDACTION;
  const remember = (name: string, value: string): void => {
    const values = seen.get(name) ?? [];
    if (values.includes(value)) return;
    seen.set(name, [value, ...values].slice(0, VALUES_REMEMBERED));
    logs = redactionOf([...seen].flatMap(([each, known]) => known.map((one) => [each, one] as const)));
  };
  return {
    rules,
    names: () => source.names(),
    async open(names) {
      const readings = new Map<string, SecretReading>();
      const values: [string, string][] = [];
      for (const name of names) {
        const reading = await source.read(name);
        readings.set(name, reading);
        if (!reading.ok) continue;
        values.push([name, reading.value]);
        remember(name, reading.value);
      }
      return { readings, redaction: redactionOf(values) };
    },
    cleanLine: (line) => logs.text(line),
  };
}

export const NO_SECRETS: Secrets = executorSecrets({
  names: async () => [],
  read: async (name) => ({ ok: false, problem: `there is no secret ${name} on this executor` }),
});

export type FilledInput = { ok: true; value: Json } | { ok: false; error: StepError };

const refused = (message: string, retryable: boolean): FilledInput => ({ ok: false, error: { code: 'invalid_input', message, retryable } });

/**
 * An input with the values of its secrets in their places, for `tool`; or why one of them can't be given. One that is not
 * there is worth another attempt: another executor may have it, and it can be added while the step waits.
 */
export function fillSecrets(
  input: Json,
  places: readonly SecretPlace[],
  { tool, opened, rules }: { tool: Tool; opened: OpenedSecrets; rules: SecretRules | null },
): FilledInput {
  if (places.length === 0) return { ok: true, value: input };
  const values = new Map<string, string>();
  for (const { name } of places) {
    const reading = opened.readings.get(name);
    if (reading?.ok !== true) return refused(reading?.problem ?? `the secret ${name} was not opened`, true);
    values.set(name, reading.value);
  }
  const value = withSecrets(input, places, (name) => values.get(name) as string);
  for (const name of values.keys()) {
    const refusal = secretRefusal(rules, { name, tool, input: value });
    if (refusal !== null) return refused(refusal, false);
  }
  return { ok: true, value };
}
