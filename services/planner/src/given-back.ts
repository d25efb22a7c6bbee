/** What a model is told of the issues of its plan: where, what it wrote there, and what would be right. */
import { type Issue, isObject, type Json, type JsonObject, shorten, type ToolContract } from '@countersign/shared';
import { fieldsAt, readPath, schemasAt, valueAt } from './issue-path.ts';
import { shortenJson } from './shorten-json.ts';

const MOST_ISSUES = 10;
/** Characters of what was written, of what is allowed, and of all issues together. */
const GOT_LENGTH = 300;
const ALLOWED_LENGTH = 1_500;
const ALL_LENGTH = 12_000;

export interface Written {
  /** the steps as they were read from the reply */
  steps: Json;
  /** what could not be read of it, by the path of its issue */
  unread: ReadonlyMap<string, Json>;
  tools: readonly ToolContract[];
  /** the schema that the reply should have had */
  schema: JsonObject;
  /** the ids of the plan that is written anew */
  currentIds: readonly string[];
}

/** One JSON object a line, and how many issues are left out. */
export function issueLines(issues: readonly Issue[], written: Written): { lines: string[]; more: number } {
  const lines: string[] = [];
  let length = 0;
  for (const issue of issues.slice(0, MOST_ISSUES)) {
    const line = JSON.stringify(givenBack(issue, written));
    length += line.length;
    if (lines.length > 0 && length > ALL_LENGTH) break;
    lines.push(line);
  }
  return { lines, more: issues.length - lines.length };
}

function givenBack({ path, code, message }: Issue, written: Written): JsonObject {
  const got = written.unread.get(path) ?? valueAt({ steps: written.steps }, readPath(path)) ?? null;
  const allowed = allowedAt({ path, code, message }, written) ?? message;
  return {
    path,
    code,
    got: typeof got === 'string' ? shorten(got, GOT_LENGTH) : shortenJson(got, GOT_LENGTH),
    allowed: typeof allowed === 'string' ? shorten(allowed, ALLOWED_LENGTH) : allowed,
  };
}

/** What would be right, where something says it better than the issue's own sentence. */
function allowedAt({ path, code, message }: Issue, { steps, tools, schema, currentIds }: Written): Json | undefined {
  const at = readPath(path);
  switch (code) {
    case 'unknown_tool':
      return names(tools.map(({ name }) => name));
    case 'unknown_step':
      // A step that can't be kept is named by the plan that is there, any other by the one that was written.
      return names(at.length === 2 ? currentIds : idsOf(steps));
    case 'unknown_reference':
      return /there is no step `/.test(message) ? names(idsOf(steps)) : undefined;
    case 'unknown_field':
      return names(fieldsAt(schema, at.slice(0, -1)));
    case 'bad_input':
      return at[0] === 'steps' && at[2] === 'input' && at.length > 3 ? inputAt(at, { steps, tools }) : undefined;
    default:
      return undefined;
  }
}

/** What the tool of a step takes at a place of its input: the schema there, or, of a field that there is not, the fields that there are. */
function inputAt(at: readonly (string | number)[], { steps, tools }: Pick<Written, 'steps' | 'tools'>): Json | undefined {
  const name = valueAt({ steps }, [...at.slice(0, 2), 'tool']);
  const inputSchema = tools.find((tool) => tool.name === name)?.inputSchema;
  if (inputSchema === undefined) return undefined;
  const path = at.slice(3);
  const [schema] = schemasAt(inputSchema, path);
  if (schema !== undefined) return JSON.stringify(schema).length > ALLOWED_LENGTH ? undefined : schema;
  const fields = fieldsAt(inputSchema, path.slice(0, -1));
  return fields.length === 0 ? undefined : names(fields);
}

const idsOf = (steps: Json): string[] =>
  (Array.isArray(steps) ? steps : []).flatMap((step) => (isObject(step) && typeof step.id === 'string' ? [step.id] : []));

/** A list of names, as many as there is room for. */
function names(all: readonly string[]): Json {
  const shown: string[] = [];
  let length = 0;
  for (const name of all) {
    length += name.length + 3;
    if (length > ALLOWED_LENGTH) break;
    shown.push(name);
  }
  return shown.length === all.length ? shown : [...shown, `... and ${all.length - shown.length} more`];
}
