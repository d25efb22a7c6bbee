/** Tools about tasks: ask for something, see which plan answers it. */
import { type Task, type Template, taskSchema } from '@countersign/shared';
import { z } from 'zod';
import { oneLine, partOf, restRemark } from './answer-size.ts';
import { type Answered, type McpTool, offset, operationTool, READS, SUBMITS } from './tool.ts';

const OBJECTIVE_CHARACTERS = 300;
const ERROR_CHARACTERS = 5_000;

const output = z.object({
  task: z.object({
    id: z.string(),
    status: taskSchema.shape.status,
    objective: z.string().describe('shortened where it is long'),
    planId: z.string().nullable(),
    createdBy: z.string(),
    createdAt: z.string(),
    finishedAt: z.string().nullable(),
    rounds: z.int().min(0).describe('how often the planner has tried'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  }),
  next: z.string(),
});

function nextFor({ status, planId, planDeletedAt }: Task): string {
  if (planDeletedAt !== null) return 'Its plan was deleted. Submit another task, or write the plan yourself with submit_plan.';
  if (planId !== null) return `get_plan with the planId ${planId} shows the plan; watch_plan waits for people and for its end.`;
  return status === 'queued' || status === 'planning'
    ? 'Call get_task again in a few seconds.'
    : 'Submit another task, or write the plan yourself with submit_plan.';
}

function show({ body: { task } }: Answered<{ task: Task }, unknown>) {
  const { id, status, planId, createdBy, createdAt, finishedAt, error } = task;
  const next = nextFor(task);
  const objective = oneLine(task.objective, OBJECTIVE_CHARACTERS);
  const shownError = error === null ? null : { code: error.code, message: oneLine(error.message, ERROR_CHARACTERS) };
  const lines = [
    `Task ${id}: ${status}`,
    `Objective: ${objective}`,
    ...(planId === null ? [] : [`Plan: ${planId}`]),
    ...(shownError === null ? [] : [`Error (${shownError.code}): ${shownError.message}`]),
    `Next: ${next}`,
  ];
  const rounds = task.rounds.length;
  return {
    structured: { task: { id, status, objective, planId, createdBy, createdAt, finishedAt, rounds, error: shownError }, next },
    text: lines.join('\n'),
  };
}

export const taskTools: readonly McpTool[] = [
  operationTool({
    name: 'submit_task',
    title: 'Submit a task',
    description:
      'Says what you want in words; the planner writes the plan that answers it, and people approve that plan before anything runs. With ' +
      '`template` the plan is made from that template (see list_templates), with `input` as its parameters. Use submit_plan where you know the ' +
      'steps yourself.',
    annotations: SUBMITS,
    operation: 'createTask',
    own: z.strictObject({}),
    output,
    show,
  }),
  operationTool({
    name: 'get_task',
    title: 'Read a task',
    description: 'Where a task is: still being planned, planned (with its planId), or failed and why.',
    annotations: READS,
    operation: 'readTask',
    own: z.strictObject({ taskId: z.string().describe('The id of the task, like tsk_....') }),
    route: ({ taskId }) => ({ params: { id: taskId } }),
    output,
    show,
  }),
  operationTool({
    name: 'list_templates',
    title: 'List the templates of plans',
    description: 'Plans that were written beforehand: what each is for, and which parameters submit_task gives as `input`.',
    annotations: READS,
    operation: 'listTemplates',
    own: z.strictObject({ offset }),
    output: z.object({
      items: z.array(z.object({ name: z.string(), description: z.string(), parameters: z.record(z.string(), z.unknown()) })),
      total: z.int(),
      nextOffset: z.int().nullable(),
    }),
    show({ body, own }: Answered<{ items: Template[] }, { offset: number }>) {
      const part = partOf(body.items, own.offset, ({ name, description, parameters }) => ({
        name,
        description: oneLine(description, OBJECTIVE_CHARACTERS),
        parameters,
      }));
      const lines = part.items.map(({ name, description, parameters }) => `- ${name}: ${description} ${JSON.stringify(parameters)}`);
      const none = body.items.length === 0 ? ['There is none.'] : [];
      return { structured: part, text: [...none, ...lines, ...restRemark(part, own.offset, 'templates')].join('\n') };
    },
  }),
];
