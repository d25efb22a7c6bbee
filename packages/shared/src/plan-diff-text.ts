/** The difference of two revisions as text, for a terminal or a review. */
import type { PlanChange, RevisionContent } from './api.ts';
import type { Json } from './json.ts';
import type { Step } from './plan.ts';
import { retryPolicySchema } from './retry.ts';

/** A change before it is written out: what is not there is undefined here, and null is the value null. */
export interface Difference {
  path: string;
  from: Json | undefined;
  to: Json | undefined;
}

export interface StepDifference {
  kind: PlanChange['kind'];
  /** null: what stands beside the steps */
  step: Pick<Step, 'id' | 'tool'> | null;
  differences: Difference[];
}

const VALUE_LENGTH = 160;
/** How much of what is the same is shown before the first difference of two long values. */
const LEAD = 30;

const MARKS = { added: '+', removed: '-', changed: '~', moved: '~', plan: '~' } as const;

/** What a terminal would obey, or what reorders or breaks a line, as JSON's escapes: nobody's text draws on the screen. */
const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const valueText = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** Cuts by whole characters to what is near `from`. */
function excerpt(text: string, from: number): string {
  const characters = Array.from(text.slice(Math.max(0, from - LEAD)));
  const start = from > LEAD ? '…' : '';
  if (characters.length <= VALUE_LENGTH) return `${start}${characters.join('')}`;
  return `${start}${characters.slice(0, VALUE_LENGTH).join('')}…`;
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  // Not in the middle of a surrogate pair.
  return at > LEAD && /[\udc00-\udfff]/.test(a[at - LEAD] ?? '') ? at - 1 : at;
}

/** Two values, cut around the place where they begin to differ when one of them is long. */
function changeText(from: Json | undefined, to: Json | undefined): string {
  const [old, fresh] = [valueText(from), valueText(to)];
  const long = old.length > VALUE_LENGTH && fresh.length > VALUE_LENGTH;
  const at = long ? firstDifference(old, fresh) : 0;
  return `${printable(excerpt(old, at))} -> ${printable(excerpt(fresh, at))}`;
}

/** For a list of names: which came and which went, or that only their order is another. */
function namesText(from: Json | undefined, to: Json | undefined): string {
  if (!Array.isArray(from) || !Array.isArray(to)) return '';
  const came = to.filter((name) => !from.includes(name)).map((name) => `+${String(name)}`);
  const went = from.filter((name) => !to.includes(name)).map((name) => `-${String(name)}`);
  const shown = [...came, ...went];
  return ` (${shown.length === 0 ? 'another order' : `${shown.slice(0, 20).join(' ')}${shown.length > 20 ? ' …' : ''}`})`;
}

const NAME_LISTS: readonly string[] = ['dependsOn', 'ifTrue', 'ifFalse'];

const DEFAULTS: Readonly<Record<string, Json>> = {
  runIf: 'none_failed_min_one_success',
  onError: 'stop',
  timeoutMs: 30_000,
  retry: retryPolicySchema.parse({}),
};

/** Whether a field of a new or a removed step is worth a line: what is empty or as by default is not. */
function tells({ path, from, to }: Difference): boolean {
  const value = valueText(from ?? to);
  return path !== 'tool' && !['""', '[]', '{}'].includes(value) && value !== valueText(DEFAULTS[path]);
}

function fieldLine({ path, from, to }: Difference, kind: StepDifference['kind']): string {
  if (kind === 'added' || kind === 'removed') return `    ${printable(path)}: ${printable(excerpt(valueText(from ?? to), 0))}`;
  return `    ${printable(path)}: ${changeText(from, to)}${NAME_LISTS.includes(path) ? namesText(from, to) : ''}`;
}

function blockText({ kind, step, differences }: StepDifference): string[] {
  const moved = kind === 'moved' ? ' moved' : '';
  const heading = step === null ? `${MARKS[kind]} plan` : `${MARKS[kind]} ${printable(step.id)} (${printable(step.tool)})${moved}`;
  const shown = kind === 'added' || kind === 'removed' ? differences.filter(tells) : differences;
  return [heading, ...shown.map((difference) => fieldLine(difference, kind))];
}

/** One heading line per step with `+`, `-` or `~`, and below it a line per field with its old and its new value. */
export function planDiffText({
  before,
  after,
  differences,
}: {
  before: Pick<RevisionContent, 'revision' | 'digest'>;
  after: Pick<RevisionContent, 'revision' | 'digest'>;
  differences: readonly StepDifference[];
}): string {
  const short = (digest: string): string => printable(digest.slice(0, 'sha256:'.length + 12));
  const title = `revision ${before.revision} (${short(before.digest)}) -> revision ${after.revision} (${short(after.digest)})`;
  const body = differences.length === 0 ? ['no changes'] : differences.flatMap(blockText);
  return `${[title, ...body].join('\n')}\n`;
}
