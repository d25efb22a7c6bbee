/** Asking a model for text. */
import type { Model, ModelOptions } from '@countersign/llm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ModelBehaviour, ModelServer } from '../model-server/model-server.ts';
import { QUESTION, startModel } from './model-question.ts';

const KEY = 'sk-secret-0123456789';
const { messages } = QUESTION;

let server: ModelServer;
async function modelWith(behaviour: ModelBehaviour, options: Partial<ModelOptions> = {}): Promise<Model> {
  const started = await startModel(behaviour, options);
  server = started.server;
  return started.model;
}
afterEach(() => server.close());

test('text is asked for without any format, and given as it is', async () => {
  const model = await modelWith([{ content: '\nThree: {"n": 3}.\n' }]);
  expect(await model.write({ messages })).toEqual({
    ok: true,
    text: 'Three: {"n": 3}.',
    usage: { inputTokens: 100, outputTokens: 20, costUsd: null, estimated: false },
  });
  expect(server.requests.map(({ body }) => body)).toEqual([{ model: 'tiny', messages }]);
});

test('its length and temperature can be limited', async () => {
  const model = await modelWith([{ content: 'Three.' }]);
  await model.write({ messages, maxTokens: 10, temperature: 0.5 });
  expect(server.requests[0]?.body).toMatchObject({ max_tokens: 10, temperature: 0.5 });
});

test("a model's thoughts are no part of its text", async () => {
  const model = await modelWith([{ content: '<think>Perhaps four?</think>\n\nThree.' }]);
  expect(await model.write({ messages })).toMatchObject({ ok: true, text: 'Three.' });
});

describe('no text', () => {
  test.each([
    ['a refusal', { refusal: 'I will not.' }, 'model_refused', 'I will not.'],
    ['a length limit', { content: 'Three and', finishReason: 'length' }, 'model_cut_off', '20 tokens'],
    ['silence', { content: ' ' }, 'model_error', 'no text'],
    ['a page', { status: 200, body: '<html>' }, 'model_error', 'choices[0]'],
  ] as const)('comes of %s, which was asked once', async (_, reply, code, words) => {
    const model = await modelWith([reply]);
    expect(await model.write({ messages })).toMatchObject({
      ok: false,
      error: { code, message: expect.stringContaining(words), retryable: false },
      usage: {},
    });
    expect(server.requests).toHaveLength(1);
  });

  test('comes of a server that stays broken, asked three times', async () => {
    const model = await modelWith([{ status: 502, headers: { 'retry-after': '0' } }]);
    expect(await model.write({ messages })).toMatchObject({
      ok: false,
      error: { code: 'model_unavailable', retryable: true },
      usage: null,
    });
    expect(server.requests).toHaveLength(3);
  });

  test('comes without the key in what is said of it', async () => {
    const model = await modelWith([{ status: 400, body: { error: { message: `bad key ${KEY}` } } }], { apiKey: KEY });
    const answer = await model.write({ messages });
    expect(answer).toMatchObject({ ok: false, error: { code: 'model_bad_request', message: expect.stringContaining('bad key [key]') } });
    expect(JSON.stringify(answer)).not.toContain(KEY);
  });

  test('comes without the key where an answer quotes it, too', async () => {
    const model = await modelWith([{ status: 200, body: { error: { message: `bad key ${KEY}` } } }], { apiKey: KEY });
    const message = expect.stringContaining('bad key [key]');
    expect(await model.write({ messages })).toMatchObject({ ok: false, error: { code: 'model_error', message } });
    expect(await model.complete(QUESTION)).toMatchObject({ ok: false, error: { code: 'model_error', message } });
  });

  test('comes of a call that was aborted, whose connection is closed', async () => {
    const model = await modelWith([{ hang: 'before headers' }]);
    const controller = new AbortController();
    const answer = model.write({ messages, signal: controller.signal });
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort();
    expect(await answer).toMatchObject({ ok: false, error: { code: 'aborted' } });
    await vi.waitFor(() => expect(server.abandoned).toBe(1));
  });
});
