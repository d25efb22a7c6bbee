/** The templates of a folder: all of them right, or every problem of every file at once. */
import { readdir, readFile } from 'node:fs/promises';
import { join, parse, resolve } from 'node:path';
import { ConfigError, type PlacedDocument, type PlacedProblem, readDocument } from '@countersign/service';
import { digestOf, type Template } from '@countersign/shared';
import type { SchemaCheck } from '@countersign/tools';
import { readTemplate } from './read-template.ts';

/** A template with its parameters' schema, ready to check an input. */
export interface LoadedTemplate {
  template: Template;
  parameters: SchemaCheck;
}

/** By name, in the order of the names. */
export type Templates = ReadonlyMap<string, LoadedTemplate>;

const FORMATS: Readonly<Record<string, 'yaml' | 'json'>> = { '.yaml': 'yaml', '.yml': 'yaml', '.json': 'json' };

/** Throws a ConfigError with a line for each problem, as `TEMPLATES_DIR: <file>:<line>:<column>: ...`. */
export async function loadTemplates(folder: string): Promise<Templates> {
  const names = await templateFiles(folder);
  const files = await Promise.all(names.map((name) => loadFile(join(folder, name))));
  const problems = files.flatMap((file) => ('problems' in file ? inOrder(file.problems).map((problem) => lineOf(file.path, problem)) : []));
  const loaded = new Map<string, LoadedTemplate & { path: string }>();
  for (const file of files) {
    if ('problems' in file) continue;
    const { path, document, template, parameters } = file;
    const first = loaded.get(template.name);
    if (first === undefined) loaded.set(template.name, { path, template: { ...template, digest: await digestOf(template) }, parameters });
    else
      problems.push(
        lineOf(path, { ...document.placeOf('name'), message: `name: \`${template.name}\` is the name of ${first.path} already` }),
      );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return new Map(
    [...loaded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { template, parameters }]) => [name, { template, parameters }]),
  );
}

async function templateFiles(folder: string): Promise<string[]> {
  const place = `${folder}${resolve(folder) === folder ? '' : ` (that is ${resolve(folder)})`}`;
  let names: string[];
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such folder' : code === 'ENOTDIR' ? 'this is no folder' : message;
    throw new ConfigError([`TEMPLATES_DIR: ${place}: ${why}; name the folder that holds the templates, or leave the setting out`]);
  }
  const found = names.filter((name) => !name.startsWith('.') && Object.hasOwn(FORMATS, parse(name).ext)).sort();
  if (found.length > 0) return found;
  throw new ConfigError([
    `TEMPLATES_DIR: ${place}: there are no templates here; they are files like audit.yaml, audit.yml or audit.json, not in subfolders`,
  ]);
}

type LoadedFile =
  | { path: string; document: PlacedDocument; template: Omit<Template, 'digest'>; parameters: SchemaCheck }
  | { path: string; problems: PlacedProblem[] };

async function loadFile(path: string): Promise<LoadedFile> {
  const { name, ext } = parse(path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const message = error instanceof TypeError ? 'the file is not UTF-8' : `the file can't be read: ${(error as Error).message}`;
    return { path, problems: [{ line: 1, column: 1, message }] };
  }
  const reading = readDocument(text, FORMATS[ext] ?? 'yaml');
  if (!reading.ok) return { path, problems: reading.problems };
  const { document } = reading;
  const made = readTemplate(document.value, name);
  if (made.ok) return { path, document, template: made.template, parameters: made.parameters };
  const problems = made.issues.map(({ path: at, code, message }) => ({
    ...document.placeOf(at, code === 'unknown_field' ? 'key' : 'value'),
    message: at === '' ? message : `${at}: ${message}`,
  }));
  return { path, problems };
}

const inOrder = (problems: readonly PlacedProblem[]): PlacedProblem[] =>
  [...problems].sort((a, b) => a.line - b.line || a.column - b.column);

const lineOf = (path: string, { line, column, message }: PlacedProblem): string => `TEMPLATES_DIR: ${path}:${line}:${column}: ${message}`;
