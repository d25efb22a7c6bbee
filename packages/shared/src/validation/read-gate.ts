/** Reading what makes a step a gate: its approval, and the question of a human.input step. */
import { isObject, type JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { GateOptions, Step } from '../plan.ts';
import { HUMAN_INPUT_TOOL } from '../step-references.ts';
import { hasReferences } from './read-references.ts';
import { type Path, type Report, readText, readWhole, reportUnknownFields, typeName } from './reading.ts';
import { schemaProblem } from './schema-problem.ts';

const MAX_QUORUM = 20;

/** What a step's `approval` says; null where it has none. `path` is the step's. */
function readApproval(raw: unknown, path: Path, report: Report): GateOptions | null {
  if (raw === undefined || raw === null) return null;
  if (!isObject(raw)) {
    report(path, 'bad_input', `must be an object {message?, quorum?}, got ${typeName(raw)}`);
    return null;
  }
  reportUnknownFields(raw, ['message', 'quorum'], { path, report, what: 'an approval' });
  return {
    message: readText(raw.message, [...path, 'message'], { report }),
    quorum: readWhole(raw.quorum, [...path, 'quorum'], { report, min: 1, max: MAX_QUORUM, what: 'people' }) ?? 1,
  };
}

function readQuestion(input: JsonObject, path: Path, report: Report): string {
  const { question, schema } = input;
  if (schema !== undefined && !hasReferences(schema)) {
    const problem = schemaProblem(schema);
    if (problem !== null) report([...path, 'schema', ...problem.path], 'bad_input', problem.message);
  }
  // Any other type is what the tool's own schema complains of.
  if (typeof question !== 'string') return '';
  if (question.length > LIMITS.textLength)
    report([...path, 'question'], 'limit_exceeded', `must have at most ${LIMITS.textLength} characters, has ${question.length}`);
  return question;
}

/**
 * The gate of a step: what its author wrote, and for human.input its question. `asked` says whether the message is the
 * author's own, and not the question.
 */
export function readGate(
  raw: Record<string, unknown>,
  path: Path,
  { step, report }: { step: Pick<Step, 'tool' | 'input'>; report: Report },
): { approval: GateOptions | null; asked: boolean } {
  const approval = readApproval(raw.approval, [...path, 'approval'], report);
  if (step.tool !== HUMAN_INPUT_TOOL) return { approval, asked: approval !== null };
  const question = readQuestion(step.input, [...path, 'input'], report);
  if (approval !== null && approval.message !== '') return { approval, asked: approval.message !== question };
  return { approval: { message: question, quorum: approval?.quorum ?? 1 }, asked: false };
}
