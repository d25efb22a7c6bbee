/** A question for JSON, for tests of how models are asked. */
import { createModel, type Model, type ModelOptions, type Question } from '@countersign/llm';
import type { JsonObject } from '@countersign/shared';
import { type ModelBehaviour, type ModelServer, startModelServer } from '../model-server/model-server.ts';

export const SCHEMA: JsonObject = {
  type: 'object',
  properties: { n: { type: 'integer' } },
  required: ['n'],
  additionalProperties: false,
};

export const QUESTION: Question = {
  messages: [
    { role: 'system', content: 'You count.' },
    { role: 'user', content: 'How many?' },
  ],
  schema: { name: 'count', schema: SCHEMA },
};

export interface AskedModel {
  model: Model;
  server: ModelServer;
}

export async function startModel(behaviour: ModelBehaviour, options: Partial<ModelOptions> = {}): Promise<AskedModel> {
  const server = await startModelServer(behaviour);
  return { server, model: createModel({ apiKey: null, baseUrl: server.url, model: 'tiny', ...options }) };
}
