/** From a task that names a template to the plan that the template comes to. */
import {
  byteLength,
  createTaskFromTemplateBody,
  type Issue,
  isObject,
  type JsonObject,
  LIMITS,
  type PlanDraft,
  type PlanOptionsInput,
  pathText,
  renderText,
  resolveReferences,
  type TaskRequest,
  type Template,
  withMarkers,
  withSecrets,
  writtenMarkers,
} from '@countersign/shared';
import { issuesOf } from '../issues.ts';
import type { LoadedTemplate, Templates } from './load-templates.ts';

export type TaskReading = { ok: true; request: TaskRequest; draft?: PlanDraft } | { ok: false; issues: Issue[] };

/** Reads the body of a task with a `template`. Its options are checked apart. */
export function taskFromTemplate(body: Record<string, unknown>, templates: Templates): TaskReading {
  const parsed = createTaskFromTemplateBody.safeParse(body);
  const misshapen = parsed.success ? [] : issuesOf(parsed.error);
  const { template: name } = body;
  const loaded = typeof name === 'string' ? templates.get(name) : undefined;
  if (loaded === undefined) {
    const unknown = typeof name === 'string' && name !== '' ? [unknownTemplate(name, templates)] : [];
    return { ok: false, issues: [...misshapen, ...unknown] };
  }
  const { template } = loaded;
  const { input, issues: unfit } = readInput(body.input, loaded);
  const issues = [...misshapen, ...unfit, ...toolIssues(body.tools, template)];
  if (!parsed.success || issues.length > 0) return { ok: false, issues };

  const { objective = rendered(template.objective, input), tools = template.tools } = parsed.data;
  const outOfBounds = objectiveIssue(objective);
  if (outOfBounds !== null) return { ok: false, issues: [outOfBounds] };
  const options: PlanOptionsInput = { ...template.options, ...parsed.data.options };
  return {
    ok: true,
    request: { objective, input, options, tools, template: { name: template.name, digest: template.digest } },
    draft: { objective, description: template.description, input, steps: template.steps, options },
  };
}

function unknownTemplate(name: string, templates: Templates): Issue {
  const there =
    templates.size === 0 ? 'there are none: the setting TEMPLATES_DIR names no folder' : `there are ${[...templates.keys()].join(', ')}`;
  return { path: 'template', code: 'bad_input', message: `there is no template \`${name.slice(0, 128)}\`; ${there}` };
}

/** Any text: which one a secret is is not known here. */
const SOME_TEXT = 'secret';

/** What Ajv says of a text where something else must stand. */
const NO_TEXT_HERE = /^must be (integer|number|boolean|object|array|null)/;

/** The input with its defaults, and what is wrong with it. A secret is a text; whether it is the right one shows when it is used. */
function checkInput(input: JsonObject, { parameters }: LoadedTemplate): { input: JsonObject; issues: Issue[] } {
  const markers = writtenMarkers(input);
  const checked = withSecrets(input, markers, () => SOME_TEXT) as JsonObject;
  const paths = new Set(markers.map(({ path }) => pathText(['input', ...path])));
  const issues = parameters.issues(checked, 'input').filter(({ path, message }) => !paths.has(path) || NO_TEXT_HERE.test(message));
  return { input: withMarkers(checked, markers) as JsonObject, issues };
}

/** The input with the defaults of the parameters that it leaves out. */
function readInput(written: unknown, loaded: LoadedTemplate): { input: JsonObject; issues: Issue[] } {
  // What isn't an object has its issue already.
  if (written !== undefined && !isObject(written)) return { input: {}, issues: [] };
  const input = structuredClone(written ?? {}) as JsonObject;
  const bytes = byteLength(JSON.stringify(input));
  if (bytes <= LIMITS.inputBytes) return checkInput(input, loaded);
  const message = `may have ${LIMITS.inputBytes} bytes, has ${bytes}`;
  return { input, issues: [{ path: 'input', code: 'limit_exceeded', message }] };
}

function toolIssues(tools: unknown, { name, steps }: Template): Issue[] {
  if (!Array.isArray(tools)) return [];
  const missing = [...new Set(steps.map(({ tool }) => tool))].filter((tool) => !tools.includes(tool));
  if (missing.length === 0) return [];
  return [
    { path: 'tools', code: 'bad_input', message: `the template \`${name}\` uses ${missing.map((tool) => `\`${tool}\``).join(', ')} too` },
  ];
}

const rendered = (objective: string, input: JsonObject): string =>
  renderText(resolveReferences(objective, { input, task: { id: null, objective: '' }, steps: new Map() })).trim();

function objectiveIssue(objective: string): Issue | null {
  if (objective === '')
    return { path: 'objective', code: 'bad_input', message: "the template's objective comes to nothing with this input; give one" };
  if (objective.length <= LIMITS.objectiveLength) return null;
  const message = `the template's objective comes to ${objective.length} characters with this input; give one of at most ${LIMITS.objectiveLength}`;
  return { path: 'objective', code: 'limit_exceeded', message };
}
