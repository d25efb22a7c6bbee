/** The model behind the planners of a run: it answers each task with the plan of its story, after the mistakes of its way. */
import type { JsonObject, PlanDraft } from '@countersign/shared';
import { dataIn } from '../e2e/scripted-model.ts';
import { type ModelReply, type ModelRequest, startModelServer } from '../model-server/model-server.ts';

/** How the model goes about a task. What is no mistake of every call is made once. */
export const WAYS = ['plain', 'busy', 'broken', 'silent', 'cut', 'inventive', 'refusing', 'down'] as const;
export type Way = (typeof WAYS)[number];

/** How a task may end with each way, and how often the model is asked where no fault comes in between. */
export const OUTCOMES: Readonly<Record<Way, { ends: readonly ('planned' | 'failed')[]; calls: number }>> = {
  plain: { ends: ['planned'], calls: 1 },
  busy: { ends: ['planned'], calls: 2 },
  broken: { ends: ['planned'], calls: 2 },
  // Time that is up is not given again; a planner that is killed meanwhile leaves it to another one, who is answered.
  silent: { ends: ['failed', 'planned'], calls: 1 },
  cut: { ends: ['planned'], calls: 2 },
  inventive: { ends: ['planned'], calls: 2 },
  refusing: { ends: ['failed'], calls: 1 },
  down: { ends: ['failed'], calls: 3 },
};

const status = (code: number): ModelReply => ({ status: code, headers: { 'retry-after': '0' } });
const said = (steps: readonly object[]): { content: object } => ({ content: { problem: '', description: 'As the story says.', steps } });

const MISTAKES: Readonly<Record<Exclude<Way, 'plain'>, ModelReply>> = {
  busy: status(429),
  broken: status(500),
  silent: { hang: 'before headers' },
  cut: { content: '{"problem":"","description":"As the st' },
  inventive: said([{ id: 'a', tool: 'fault.invented', input: '{}', dependsOn: [] }]),
  refusing: { refusal: 'I will not plan this.' },
  down: status(500),
};

/** It stands in the first thing that the model was told; what it is told of its mistakes comes behind that. */
function objectiveOf({ body }: ModelRequest): string {
  const first = body.messages.find(({ role }) => role === 'user')?.content ?? '';
  return dataIn(first, 'objective').trim();
}

export interface StoryModel {
  /** settings of the planner of that name */
  env(planner: string): Record<string, string>;
  /** From now on it knows the objective. */
  learn(draft: PlanDraft, way: Way): void;
  /** how often it was asked for the objective */
  callsFor(objective: string): number;
  /** Keeps its answers to itself until `release`. */
  hold(): void;
  release(): void;
  /** Resolves once it holds an answer back, with the planner that waits for it; with null when the signal comes first. */
  asked(signal: AbortSignal): Promise<string | null>;
  close(): Promise<void>;
}

/** `timeoutMs`: how long the planners wait for an answer. */
export async function startStoryModel({ timeoutMs }: { timeoutMs: number }): Promise<StoryModel> {
  const known = new Map<string, { reply: ModelReply; way: Way }>();
  const calls = new Map<string, number>();
  const held = new Set<string>();
  const watchers = new Set<() => void>();
  let passage: Promise<void> | null = null;
  let open: () => void = () => {};
  const server = await startModelServer(async (request) => {
    const objective = objectiveOf(request);
    const call = (calls.get(objective) ?? 0) + 1;
    calls.set(objective, call);
    if (passage !== null) {
      held.add(request.body.model);
      for (const watcher of watchers) watcher();
      await passage;
    }
    const story = known.get(objective);
    if (story === undefined) return { status: 400, body: { error: { message: `no story has the objective ${objective}` } } };
    if (story.way === 'plain' || (call > 1 && OUTCOMES[story.way].ends.includes('planned'))) return story.reply;
    return MISTAKES[story.way];
  });
  return {
    env: (planner) => ({
      PLANNER: 'openai',
      OPENAI_BASE_URL: server.url,
      OPENAI_MODEL: planner,
      OPENAI_TIMEOUT_MS: String(timeoutMs),
      TASK_MAX_TOKENS: '100000000',
    }),
    learn: ({ objective, steps }, way) => void known.set(objective, { reply: said(steps.map(written)), way }),
    callsFor: (objective) => calls.get(objective) ?? 0,
    hold() {
      held.clear();
      passage ??= new Promise((resolve) => {
        open = resolve;
      });
    },
    release() {
      passage = null;
      open();
    },
    asked: (signal) =>
      new Promise((resolve) => {
        const look = (): void => {
          const [planner = null] = held;
          if (planner === null && !signal.aborted) return;
          watchers.delete(look);
          resolve(planner);
        };
        watchers.add(look);
        signal.addEventListener('abort', look);
        look();
      }),
    async close() {
      open();
      await server.close();
    },
  };
}

/** As a model writes it: the input is text, and nothing else is left out than what says nothing. */
const written = ({ input = {}, ...step }: PlanDraft['steps'][number]): JsonObject =>
  ({ description: '', ...step, input: JSON.stringify(input) }) as unknown as JsonObject;
