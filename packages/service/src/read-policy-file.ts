/** A policy in a file. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Json, type PolicyInForce, readPolicy } from '@countersign/shared';
import { type PlacedProblem, readDocument } from './placed-document.ts';

/** `text`: what stands in the file; null where it can't be read. `document`: the policy as its author wrote it. */
export type PolicyFileReading =
  | { ok: true; text: string; document: Json; policy: PolicyInForce }
  | { ok: false; text: string | null; problems: string[] };

const inOrder = (problems: readonly PlacedProblem[]): PlacedProblem[] =>
  [...problems].sort((a, b) => a.line - b.line || a.column - b.column);

async function readText(path: string): Promise<{ text: string } | { problem: string }> {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof TypeError) return { problem: 'the file is not UTF-8' };
    return { problem: code === 'ENOENT' ? 'there is no such file' : `the file can't be read: ${message}` };
  }
}

/** Reads a policy from a file, YAML or, by its name, JSON. The problems are all there are, a line each: `<file>:<line>:<column>: ...`. */
export async function readPolicyFile(path: string): Promise<PolicyFileReading> {
  const read = await readText(path);
  if ('problem' in read) return { ok: false, text: null, problems: [`${path}: ${read.problem}`] };
  const { text } = read;
  const wrong = (problems: readonly PlacedProblem[]): PolicyFileReading => ({
    ok: false,
    text,
    problems: inOrder(problems).map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`),
  });
  const reading = readDocument(text, extname(path) === '.json' ? 'json' : 'yaml');
  if (!reading.ok) return wrong(reading.problems);
  const { value, placeOf } = reading.document;
  const made = await readPolicy(value);
  if (made.ok) return { ok: true, text, document: value, policy: made.policy };
  return wrong(
    made.problems.map(({ path: at, atKey, message }) => ({
      ...placeOf(at, atKey ? 'key' : 'value'),
      message: at === '' ? message : `${at}: ${message}`,
    })),
  );
}
