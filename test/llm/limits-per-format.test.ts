/** Timeouts, attempts and aborts in formats further down than the first. */
import type { Model, ModelOptions } from '@countersign/llm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ModelBehaviour, ModelReply, ModelServer } from '../model-server/model-server.ts';
import { QUESTION, startModel } from './model-question.ts';

const REFUSED: ModelReply = { status: 400, body: { error: { message: 'json_schema is not supported', param: 'response_format' } } };

let server: ModelServer;
async function modelWith(behaviour: ModelBehaviour, options: Partial<ModelOptions> = {}): Promise<Model> {
  const started = await startModel(behaviour, options);
  server = started.server;
  return started.model;
}
afterEach(() => server.close());

describe('the limits hold for every format', () => {
  test('a format further down has its own timeout', async () => {
    const model = await modelWith((_, index) => (index === 0 ? REFUSED : { hang: 'within body' }), { timeoutMs: 1_500 });
    expect(await model.complete(QUESTION)).toMatchObject({ ok: false, error: { code: 'model_timeout' } });
    expect(server.requests).toHaveLength(2);
  });

  test('and its own attempts', async () => {
    const busy = { status: 503, headers: { 'retry-after': '0' } };
    const model = await modelWith((_, index) => (index === 1 ? REFUSED : index === 4 ? { content: { n: 3 } } : busy));
    expect(await model.complete(QUESTION)).toMatchObject({ ok: true, format: 'tool_call' });
    expect(server.requests).toHaveLength(5);
  });

  test('a wait between two attempts further down ends with the signal', async () => {
    const model = await modelWith((_, index) => (index === 0 ? REFUSED : { status: 429, headers: { 'retry-after': '59' } }));
    const controller = new AbortController();
    const answer = model.complete({ ...QUESTION, signal: controller.signal });
    await vi.waitFor(() => expect(server.requests).toHaveLength(2));
    controller.abort();
    expect(await answer).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect(server.requests).toHaveLength(2);
  });
});
