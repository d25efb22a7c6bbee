/** What answers took: as the server counts, or worked out, and what that costs. */
import type { Model } from '@countersign/llm';
import { afterEach, describe, expect, test } from 'vitest';
import { refusing } from '../model-server/asked-format.ts';
import type { ModelBehaviour, ModelServer } from '../model-server/model-server.ts';
import { QUESTION, startModel } from './model-question.ts';

const PRICES = { input: 2, output: 8 };

let server: ModelServer;
async function modelWith(behaviour: ModelBehaviour, prices: typeof PRICES | null = null): Promise<Model> {
  const started = await startModel(behaviour, { prices });
  server = started.server;
  return started.model;
}
afterEach(() => server.close());

test('the cost is that of the tokens, by the million', async () => {
  const model = await modelWith([{ content: { n: 3 }, usage: { prompt_tokens: 1_000, completion_tokens: 250 } }], PRICES);
  const usage = { inputTokens: 1_000, outputTokens: 250, costUsd: 0.004, estimated: false };
  expect(await model.complete(QUESTION)).toMatchObject({ ok: true, usage });
  expect(await model.write(QUESTION)).toMatchObject({ ok: true, usage });
});

test('without prices nothing is said of the cost', async () => {
  expect(await (await modelWith([{ content: { n: 3 } }])).complete(QUESTION)).toMatchObject({ usage: { inputTokens: 100, costUsd: null } });
});

describe('tokens that the server does not count', () => {
  test.each([
    ['are', null],
    ['as none at all are', { prompt_tokens: 0, completion_tokens: 0 }],
  ])('%s worked out from the characters that were sent and that came', async (_, usage) => {
    const model = await modelWith([{ content: `{"n": 3}${' '.repeat(92)}`, usage }], PRICES);
    const sent = JSON.stringify((await modelRequest(model)).body).length;
    expect(await model.complete(QUESTION)).toMatchObject({
      usage: {
        inputTokens: Math.ceil(sent / 4),
        outputTokens: 25,
        costUsd: expect.closeTo((Math.ceil(sent / 4) * 2 + 25 * 8) / 1e6),
        estimated: true,
      },
    });
  });

  test('are worked out from the arguments of a tool call, too', async () => {
    const reply = { toolCalls: [`{"n": 3}${' '.repeat(32)}`], usage: null };
    const model = await modelWith(refusing(['json_schema'], reply));
    expect(await model.complete(QUESTION)).toMatchObject({ ok: true, usage: { outputTokens: 10, estimated: true } });
  });

  async function modelRequest(model: Model) {
    await model.complete(QUESTION);
    const [request] = server.requests;
    if (request === undefined) throw new Error('the server was not asked');
    return request;
  }
});

describe('an answer that is of no use was paid for', () => {
  test.each([
    ['a refusal', { refusal: 'No.' }, 'model_refused'],
    ['what a filter stopped', { content: 'Th', finishReason: 'content_filter' }, 'model_refused'],
    ['what was cut off', { content: '{"n"', finishReason: 'length' }, 'model_cut_off'],
    ['what was cut off in silence', { content: '{"n"' }, 'model_cut_off'],
    ['prose', { content: 'Three.' }, 'model_not_json'],
    ['silence', { content: '' }, 'model_not_json'],
  ])('%s', async (_, reply, code) => {
    const model = await modelWith([reply], PRICES);
    const usage = { inputTokens: 100, outputTokens: 20, costUsd: 0.00036, estimated: false };
    expect(await model.complete(QUESTION)).toMatchObject({ ok: false, error: { code }, usage });
  });

  test('but a failed request was not', async () => {
    const model = await modelWith([{ status: 400, body: { error: { message: 'no', param: 'messages' } } }], PRICES);
    expect(await model.complete(QUESTION)).toMatchObject({ ok: false, usage: null });
  });
});
