/** Finding the references of a step, each with the place where it stands. What they name is looked at in link-steps. */
import { conditionReferences, parseCondition } from '../conditions.ts';
import type { Step } from '../plan.ts';
import { hasPlaceholder, parseTemplate, type Reference, walkStrings } from '../references.ts';
import { CONDITION_TOOL, HUMAN_INPUT_TOOL } from '../step-references.ts';
import type { ValidationContext } from './context.ts';
import type { Path, Report } from './reading.ts';

export interface FoundReference {
  reference: Reference;
  path: Path;
  /** which part of the step it stands in: each is read at another moment, and sees other things */
  part: 'input' | 'when' | 'forEach' | 'question';
}

interface Reading {
  report: Report;
  context: ValidationContext;
}

function inTemplates(value: unknown, path: Path, report: Report): Omit<FoundReference, 'part'>[] {
  const found: Omit<FoundReference, 'part'>[] = [];
  walkStrings(value, (text, inner) => {
    if (!text.includes('{{')) return;
    const at = [...path, ...inner];
    for (const part of parseTemplate(text)) {
      if (part.kind === 'malformed') report(at, 'unknown_reference', `{{${part.text}}}: ${part.message}`);
      else if (part.kind === 'reference') found.push({ reference: part.reference, path: at });
    }
  });
  return found;
}

function inCondition(source: string, path: Path, { report, context }: Reading): Omit<FoundReference, 'part'>[] {
  const parsed = parseCondition(source, context.conditions);
  if (parsed.ok) return conditionReferences(parsed.condition).map((reference) => ({ reference, path }));
  report(path, 'bad_condition', `${parsed.message} (at position ${parsed.position})`);
  return [];
}

function inInput({ tool, input }: Pick<Step, 'tool' | 'input'>, path: Path, { report, context }: Reading): FoundReference[] {
  return Object.entries(input).flatMap(([key, value]): FoundReference[] => {
    const at = [...path, key];
    if (tool === CONDITION_TOOL && key === 'expression' && typeof value === 'string')
      return inCondition(value, at, { report, context }).map((found) => ({ ...found, part: 'input' }));
    return inTemplates(value, at, report).map((found) => ({ ...found, part: 'input' }));
  });
}

/** Every reference of a step, `path` being the step's. `asked` is the gate's message where the author wrote one. */
export function readReferences(step: Step, path: Path, { asked, ...reading }: Reading & { asked: boolean }): FoundReference[] {
  const { report } = reading;
  const found = inInput(step, [...path, 'input'], reading);
  if (step.when !== null) for (const one of inCondition(step.when, [...path, 'when'], reading)) found.push({ ...one, part: 'when' });
  for (const one of inTemplates(step.forEach, [...path, 'forEach'], report)) found.push({ ...one, part: 'forEach' });
  if (asked) {
    for (const one of inTemplates(step.approval?.message, [...path, 'approval', 'message'], report))
      found.push({ ...one, part: 'question' });
  } else if (step.tool === HUMAN_INPUT_TOOL) {
    // The question in the input is what is asked: it is read when nobody has answered yet.
    return found.map((one) => (one.part === 'input' && one.path[3] === 'question' ? { ...one, part: 'question' } : one));
  }
  return found;
}

/** Whether a value is known only when references have theirs. */
export function hasReferences(value: unknown): boolean {
  let found = false;
  walkStrings(value, (text) => {
    found ||= hasPlaceholder(text);
  });
  return found;
}
