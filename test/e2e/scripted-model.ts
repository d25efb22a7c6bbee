/** A model whose next answers a test writes down, for planners that run as processes of their own. */
import type { JsonObject, StepDraft } from '@countersign/shared';
import {
  type ModelBehaviour,
  type ModelReply,
  type ModelRequest,
  type ModelServer,
  startModelServer,
} from '../model-server/model-server.ts';
import { Fleet } from './fleet.ts';

export interface ScriptedModel {
  /** settings for it, of a planner or an executor */
  env: Record<string, string>;
  /** From now on it answers in this way, and counts its requests from 0 again. */
  script(behaviour: ModelBehaviour): void;
  /** those since the script */
  requests(): ModelRequest[];
  /** those since the start */
  all(): ModelRequest[];
  /** requests since the start whose connection was closed while it was silent */
  abandoned(): number;
  close: ModelServer['close'];
}

export async function startScriptedModel(): Promise<ScriptedModel> {
  let behaviour: ModelBehaviour = [];
  let since = 0;
  const server = await startModelServer((request, number) => {
    const index = number - since;
    const unexpected: ModelReply = { status: 400, body: { error: { message: 'nobody wrote down an answer' } } };
    return (typeof behaviour === 'function' ? behaviour(request, index) : behaviour[Math.min(index, behaviour.length - 1)]) ?? unexpected;
  });
  return {
    env: { PLANNER: 'openai', OPENAI_BASE_URL: server.url, OPENAI_MODEL: 'scripted' },
    script: (next) => {
      behaviour = next;
      since = server.requests.length;
    },
    requests: () => server.requests.slice(since),
    all: () => server.requests,
    abandoned: () => server.abandoned,
    close: server.close,
  };
}

/** A fleet whose planner asks a scripted model. */
export interface ScriptedFleet {
  model: ScriptedModel;
  fleet: Fleet;
}

export async function startScriptedFleet(settings: Record<string, string> = {}): Promise<ScriptedFleet> {
  const model = await startScriptedModel();
  try {
    return { model, fleet: await Fleet.start({ planner: { ...model.env, ...settings } }) };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** Also where only a part of it has started. */
export async function closeScriptedFleet({ model, fleet }: Partial<ScriptedFleet>): Promise<void> {
  await fleet?.close();
  await model?.close();
}

/** A step as a model writes it; what it leaves out has its neutral value. */
export const written = (id: string, input: JsonObject = {}, more: Partial<StepDraft> = {}): object => ({
  id,
  tool: 'test.record',
  description: '',
  dependsOn: [],
  ...more,
  input: JSON.stringify(input),
});

export const keep = (id: string): object => ({ keep: id });

/** A plan as a model answers with it. */
export const planReply = (...steps: object[]): ModelReply => ({ content: { problem: '', description: 'Written anew.', steps } });

export const NONSENSE: ModelReply = { content: 'Sure! Here is your plan.' };

/** What the first of these requests told the model last; fails where there is none. */
export function promptOf([request]: readonly ModelRequest[]): string {
  const said = request?.body.messages.filter(({ role }) => role === 'user').at(-1);
  if (said === undefined) throw new Error('the model was not asked');
  return said.content;
}

/** What stands between a prompt's tags of that name; fails where they do not stand there exactly once. */
export function dataIn(text: string, tag: string): string {
  const parts = text.split(new RegExp(`</?${tag}>`, 'i'));
  if (parts.length !== 3) throw new Error(`the prompt has ${parts.length - 1} tags named ${tag}, instead of 2:\n${text}`);
  return parts[1] as string;
}

/** What the model was told of the plan's end and its steps. */
export const outcomesIn = (text: string): unknown[] =>
  dataIn(text, 'outcomes')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A prompt without what stands between its tags. */
export const outsideData = (text: string): string => text.replace(/<([a-z-]+)>\n[\s\S]*?\n<\/\1>/g, '');

/** An answer that a test holds back until it gives it. */
export function heldReply(): { reply: Promise<ModelReply>; give(reply: ModelReply): void } {
  let give: (reply: ModelReply) => void = () => {};
  const reply = new Promise<ModelReply>((resolve) => {
    give = resolve;
  });
  return { reply, give: (answer) => give(answer) };
}
