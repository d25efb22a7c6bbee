/** Tasks: what somebody asks for. */
import { activeSpan } from '@countersign/service';
import {
  createTaskBody,
  createTaskFromTemplateBody,
  emptyBody,
  type Issue,
  listTasksQuery,
  taskSchema,
  templateSchema,
  validateInputSecrets,
  validateOptions,
} from '@countersign/shared';
import { z } from 'zod';
import { type Answer, json, problem, resource } from './answer.ts';
import { itemsOf, pageOf, taskAnswer } from './documented.ts';
import { taskExample, templateExample } from './examples.ts';
import { answerOnce } from './idempotency.ts';
import { issuesOf, summaryOf } from './issues.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { type TaskReading, taskFromTemplate } from './templates/use-template.ts';

const noTask = (id: string): Answer => problem('not_found', `there is no task \`${id}\``);

async function readTask(call: Call, id: string, status = 200): Promise<Answer> {
  const task = await call.context.store.getTask(id);
  return task === null ? noTask(id) : resource(status, { task });
}

async function toolIssues(call: Call, body: Record<string, unknown>): Promise<Issue[]> {
  if (!Array.isArray(body.tools)) return [];
  const known = await call.context.tools.byName();
  const there = [...known.keys()].sort().join(', ') || 'none: no executor has announced its tools';
  return body.tools.flatMap((name: unknown, index): Issue[] =>
    typeof name !== 'string' || name === '' || known.has(name)
      ? []
      : [{ path: `tools[${index}]`, code: 'unknown_tool', message: `there is no tool \`${name.slice(0, 128)}\`; there are ${there}` }],
  );
}

/** A task whose plan a planner writes. */
function taskToPlan(body: Record<string, unknown>): TaskReading {
  const parsed = createTaskBody.safeParse(body);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const { objective, input = {}, options = {}, tools = null } = parsed.data;
  return { ok: true, request: { objective, input, options, tools, template: null } };
}

async function createTask(call: Call<unknown, Record<string, unknown>>): Promise<Answer> {
  const { actor, body, context, idempotency } = call;
  const task = body.template === undefined ? taskToPlan(body) : taskFromTemplate(body, context.templates);
  const issues = [
    ...(task.ok ? [] : task.issues),
    // What isn't an object has its issue already.
    ...(typeof body.options === 'object' && body.options !== null && !Array.isArray(body.options) ? validateOptions(body.options) : []),
    ...(typeof body.input === 'object' ? validateInputSecrets(body.input) : []),
    ...(await toolIssues(call, body)),
  ];
  if (issues.length > 0 || !task.ok) return problem('invalid_request', summaryOf(issues, 'the task'), { issues });
  const { request, draft } = task;
  const outcome = await context.store.createTask({ request, draft, actor, trace: activeSpan().context, idempotency });
  return answerOnce(call, outcome, (id) => readTask(call, id, 202));
}

export const taskOperations: readonly Operation[] = [
  operation({
    method: 'post',
    path: '/v1/tasks',
    id: 'createTask',
    tag: 'tasks',
    summary: 'Ask for something',
    description:
      'Stores the task and queues its planning job. The plan that answers it is named in `planId` once there is one. With `template` the plan is made from that template and no planner is asked: `input` gives its parameters, `objective` may be left out, and options go before those of the template, one by one.',
    access: 'submit',
    idempotent: true,
    body: {
      schema: z.record(z.string(), z.unknown()),
      documented: z.union([createTaskBody, createTaskFromTemplateBody]),
      example: { objective: taskExample.objective, input: { root: '.' }, options: { maxParallelSteps: 2 } },
    },
    answers: { 202: { ...taskAnswer('The task, queued.'), headers: { Location: 'where the task can be read' } } },
    errors: ['invalid_json', 'too_large', 'unsupported_media_type', 'invalid_request', 'idempotency_conflict'],
    handle: createTask,
  }),
  operation({
    method: 'get',
    path: '/v1/tasks',
    id: 'listTasks',
    tag: 'tasks',
    summary: 'List tasks, newest first',
    access: 'read',
    query: listTasksQuery,
    answers: { 200: pageOf(taskSchema, taskExample, 'A page of tasks.') },
    errors: ['invalid_request'],
    handle: async ({ context, query }) => json(200, await context.store.listTasks(query)),
  }),
  operation({
    method: 'get',
    path: '/v1/tasks/:id',
    id: 'readTask',
    tag: 'tasks',
    summary: 'Read a task, its planner’s rounds and errors',
    access: 'read',
    answers: { 200: taskAnswer('The task.') },
    errors: ['not_found'],
    handle: (call) => readTask(call, call.params.id ?? ''),
  }),
  operation({
    method: 'post',
    path: '/v1/tasks/:id/cancel',
    id: 'cancelTask',
    tag: 'tasks',
    summary: 'Cancel a task that has no plan yet',
    access: 'cancel',
    idempotent: true,
    body: { schema: emptyBody, example: {} },
    answers: { 200: taskAnswer('The task, cancelled.') },
    errors: ['invalid_json', 'not_found', 'wrong_state', 'idempotency_conflict', 'too_large', 'unsupported_media_type', 'invalid_request'],
    possible: 'a task can be cancelled while it is queued or planning; after that, cancel its plan',
    handle: async (call) => {
      const outcome = await call.context.store.cancelTask(call.params.id ?? '', { actor: call.actor, idempotency: call.idempotency });
      return answerOnce(call, outcome, (id) => readTask(call, id));
    },
  }),
  operation({
    method: 'get',
    path: '/v1/templates',
    id: 'listTemplates',
    tag: 'tasks',
    summary: 'List the templates that tasks can name',
    description: 'They are the files of the folder in the setting TEMPLATES_DIR, read when the API starts.',
    access: 'read',
    answers: { 200: itemsOf(templateSchema, [templateExample], 'All templates, by name.') },
    errors: [],
    handle: async ({ context }) => json(200, { items: [...context.templates.values()].map(({ template }) => template) }),
  }),
];
