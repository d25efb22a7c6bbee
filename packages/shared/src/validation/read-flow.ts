/** Reading what decides whether a step runs, how often, and which steps hang on it. */
import { LIMITS } from '../limits.ts';
import { RUN_IF, type RunIf, type Step } from '../plan.ts';
import { parseTemplate } from '../references.ts';
import { CONDITION_TOOL, HUMAN_INPUT_TOOL } from '../step-references.ts';
import { type Path, type Report, readStepIds, readWhole, typeName } from './reading.ts';

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

export function readWhen(raw: unknown, path: Path, report: Report): string | null {
  if (isAbsent(raw)) return null;
  if (typeof raw === 'string') return raw;
  report(path, 'bad_condition', `must be a condition as text, like '{{list.output.total}} > 0', got ${typeName(raw)}`);
  return null;
}

export function readRunIf(raw: unknown, path: Path, report: Report): RunIf {
  if (isAbsent(raw)) return RUN_IF[0];
  if (RUN_IF.includes(raw as RunIf)) return raw as RunIf;
  report(path, 'bad_option', `must be one of ${RUN_IF.map((rule) => `'${rule}'`).join(', ')}`);
  return RUN_IF[0];
}

const isLonePlaceholder = (text: string): boolean => {
  const [only, ...more] = parseTemplate(text);
  return only?.kind === 'reference' && more.length === 0;
};

function readList(raw: unknown, path: Path, { report, tool }: { report: Report; tool: string }): Step['forEach'] {
  if (isAbsent(raw)) return null;
  if (tool === HUMAN_INPUT_TOOL)
    report(path, 'bad_input', `a \`${HUMAN_INPUT_TOOL}\` step asks once: leave out forEach, or write a step for each question`);
  if (Array.isArray(raw)) return raw;
  if (typeof raw === 'string') {
    // Inside a longer text even a list becomes text; what is malformed is reported where references are read.
    if (!isLonePlaceholder(raw) && !parseTemplate(raw).some(({ kind }) => kind === 'malformed'))
      report(path, 'bad_input', 'must be a list, or one placeholder alone that gives a list, like {{list.output.files}}');
    return raw;
  }
  report(path, 'bad_input', `must be a list or a reference to one, like {{list.output.files}}, got ${typeName(raw)}`);
  return null;
}

export function readForEach(
  raw: Record<string, unknown>,
  path: Path,
  { report, tool }: { report: Report; tool: string },
): Pick<Step, 'forEach' | 'maxItems'> {
  const at = [...path, 'forEach'];
  const forEach = readList(raw.forEach, at, { report, tool });
  const written = isAbsent(raw.maxItems) ? undefined : raw.maxItems;
  const maxItems = readWhole(written, [...path, 'maxItems'], { report, min: 1, max: LIMITS.forEachItems, what: 'elements' }) ?? null;
  const most = maxItems ?? LIMITS.forEachItems;
  if (Array.isArray(forEach) && forEach.length > most)
    report(at, 'limit_exceeded', `may have at most ${most} elements, has ${forEach.length}${maxItems === null ? '' : ' (see maxItems)'}`);
  return { forEach, maxItems };
}

/** The steps that hang on a condition step, each with where it stands in its list. */
export type Branches = Readonly<Record<'ifTrue' | 'ifFalse', ReadonlyMap<string, number>>>;

const NONE: ReadonlyMap<string, number> = new Map();

export function readBranches(
  raw: Record<string, unknown>,
  path: Path,
  { report, tool, forEach }: { report: Report; tool: string; forEach: Step['forEach'] },
): Branches {
  const side = (name: keyof Branches): ReadonlyMap<string, number> => {
    const at = [...path, name];
    const ids = isAbsent(raw[name]) ? NONE : readStepIds(raw[name], at, report);
    if (ids.size === 0) return NONE;
    if (tool !== CONDITION_TOOL) {
      report(
        at,
        'unknown_field',
        `only a step with the tool \`${CONDITION_TOOL}\` has \`${name}\`; this one has \`${tool.slice(0, 128)}\``,
      );
      return NONE;
    }
    if (forEach !== null) report(at, 'bad_input', `a branch is decided once: leave out \`${name}\` or forEach`);
    return ids;
  };
  const branches = { ifTrue: side('ifTrue'), ifFalse: side('ifFalse') };
  for (const [id, position] of branches.ifFalse) {
    if (branches.ifTrue.has(id))
      report([...path, 'ifFalse', position], 'bad_input', `\`${id}\` stands in ifTrue too: a step hangs on one side of a condition`);
  }
  return branches;
}
