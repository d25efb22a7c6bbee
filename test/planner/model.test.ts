import { createModel, type Model, type ModelOptions } from '@countersign/llm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type ModelBehaviour, type ModelServer, startModelServer } from '../model-server/model-server.ts';

const KEY = 'sk-secret-0123456789';
const QUESTION = {
  messages: [
    { role: 'system', content: 'You count.' },
    { role: 'user', content: 'How many?' },
  ],
  schema: {
    name: 'count',
    schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false },
  },
} as const;
const ask = (model: Model, signal?: AbortSignal) =>
  model.complete({ messages: [...QUESTION.messages], schema: QUESTION.schema as never, signal });

let server: ModelServer;
async function modelWith(behaviour: ModelBehaviour, options: Partial<ModelOptions> = {}): Promise<Model> {
  server = await startModelServer(behaviour);
  return createModel({ apiKey: KEY, baseUrl: server.url, model: 'tiny', ...options });
}
afterEach(() => server.close());

describe('an answer', () => {
  test('is asked for with the strict schema and the key, and comes with its usage', async () => {
    const model = await modelWith([{ content: { n: 3 } }]);
    expect(await ask(model)).toEqual({
      ok: true,
      value: { n: 3 },
      raw: '{"n":3}',
      format: 'json_schema',
      usage: { inputTokens: 100, outputTokens: 20, costUsd: null, estimated: false },
      messages: server.requests[0]?.body.messages,
    });
    const [request] = server.requests;
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(request?.body.model).toBe('tiny');
    expect(request?.body.response_format?.json_schema).toEqual({ name: 'count', strict: true, schema: QUESTION.schema.schema });
  });

  test('from a server without keys is asked for without an Authorization header', async () => {
    const model = await modelWith([{ content: { n: 3 } }], { apiKey: null });
    expect(await ask(model)).toMatchObject({ ok: true });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['a fence within prose', 'Here you are:\n\n```json\n{"n": 3}\n```\nAnything else?'],
    ['a fence that names no language', '```\n{"n": 3}\n```'],
    ['prose around a bare object', 'I counted them: {"n": 3}. Glad to help!'],
    ['an example {"a":1} before the real object', 'Not {"a":1} but {"n": 3   }'],
  ])('is found in %s', async (_, content) => {
    expect(await ask(await modelWith([{ content }]))).toMatchObject({ ok: true, value: { n: 3 }, raw: content });
  });

  test('that comes in parts is put together', async () => {
    const content = [
      { type: 'thinking', thinking: [] },
      { type: 'text', text: '{"n":' },
      { type: 'text', text: ' 3}' },
    ];
    expect(await ask(await modelWith([{ content }]))).toMatchObject({ ok: true, value: { n: 3 } });
  });

  test('may be limited in its tokens and its temperature', async () => {
    const model = await modelWith([{ content: { n: 3 } }]);
    await model.complete({ messages: [...QUESTION.messages], schema: QUESTION.schema as never, maxTokens: 50, temperature: 0 });
    await ask(model);
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 50, temperature: 0 });
    for (const field of ['max_tokens', 'max_completion_tokens', 'temperature']) expect(server.requests[1]?.body).not.toHaveProperty(field);
  });

  test('from a server that knows the limit by its newer name is asked for by that name from then on', async () => {
    const model = await modelWith(({ body }) =>
      body.max_tokens === undefined
        ? { content: { n: 3 } }
        : { status: 400, body: { error: { message: "'max_tokens' is not supported with this model", param: 'max_tokens' } } },
    );
    const limited = () => model.complete({ messages: [...QUESTION.messages], schema: QUESTION.schema as never, maxTokens: 50 });
    expect(await limited()).toMatchObject({ ok: true, format: 'json_schema' });
    expect(await limited()).toMatchObject({ ok: true, format: 'json_schema' });
    expect(server.requests.map(({ body }) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [50, undefined],
      [undefined, 50],
      [undefined, 50],
    ]);
  });
});

describe('no answer', () => {
  test.each([
    ['a refusal', { refusal: 'I will not.' }, 'model_refused', 'I will not.'],
    ['a content filter', { content: '', finishReason: 'content_filter' }, 'model_refused', 'content filter'],
    ['JSON cut off by a length limit', { content: '{"n": ', finishReason: 'length' }, 'model_cut_off', '20 tokens'],
    ['JSON that is cut, whatever the server says', { content: '{"n": ', finishReason: 'stop' }, 'model_cut_off', 'not closed'],
    ['broken JSON', { content: '{"n": [3}]' }, 'model_not_json', 'brackets do not match'],
    ['prose alone', { content: 'Three.' }, 'model_not_json', 'Three.'],
    ['a list', { content: '[1]' }, 'model_not_json', '[1]'],
    ['silence', { content: '' }, 'model_not_json', 'no text'],
    ['an error that is sent as an answer', { status: 200, body: { error: { message: 'no capacity' } } }, 'model_error', 'no capacity'],
    ['something that is no completion', { status: 200, body: { hello: 1 } }, 'model_error', 'choices[0]'],
    ['a page', { status: 200, body: '<html>' }, 'model_error', 'choices[0]'],
    ['an unknown model', { status: 404, body: { error: { message: 'no tiny' } } }, 'model_not_found', 'OPENAI_MODEL'],
    ['a spent quota', { status: 429, body: { error: { message: 'pay', code: 'insufficient_quota' } } }, 'model_no_quota', 'pay'],
    ['a spent quota by type', { status: 429, body: { error: { message: 'pay', type: 'insufficient_quota' } } }, 'model_no_quota', 'pay'],
    [
      'a request that is too long',
      { status: 400, body: { error: { message: 'too long', code: 'context_length_exceeded' } } },
      'model_bad_request',
      'too long',
    ],
  ] as const)('comes of %s, with its own code and no second attempt', async (_, reply, code, words) => {
    const answer = await ask(await modelWith([reply]));
    expect(answer).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(words), retryable: false } });
    expect(server.requests).toHaveLength(1);
  });

  test('of a refused key quotes no key', async () => {
    const model = await modelWith([{ status: 401, body: { error: { message: `Incorrect API key provided: ${KEY}` } } }]);
    const answer = await ask(model);
    expect(answer).toMatchObject({ ok: false, error: { code: 'model_unauthorized' } });
    expect(JSON.stringify(answer)).not.toContain(KEY);
  });
});

describe('a busy or broken server', () => {
  test.each([
    ['in seconds', { 'retry-after': '0' }],
    ['as a date', { 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }],
    ['in milliseconds, which count more', { 'retry-after-ms': '1', 'retry-after': '3600' }],
  ])('is asked again after the wait that it named %s', async (_, headers) => {
    const model = await modelWith([{ status: 429, headers }, { content: { n: 3 } }]);
    expect(await ask(model)).toMatchObject({ ok: true });
    expect(server.requests).toHaveLength(2);
  });

  test.each([
    [429, 'model_rate_limited'],
    [503, 'model_unavailable'],
  ])('that answers %i and names a wait of an hour is not asked again, and the error says why', async (status, code) => {
    const model = await modelWith([{ status, headers: { 'retry-after': '3600' } }]);
    const message = expect.stringContaining('a wait of 3600 s, and no more than 60 s');
    expect(await ask(model)).toMatchObject({ ok: false, error: { code, message, retryable: true } });
    expect(server.requests).toHaveLength(1);
  });

  test('is asked three times at the most', async () => {
    const model = await modelWith([{ status: 500, headers: { 'retry-after': '0' } }]);
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_unavailable', retryable: true } });
    expect(server.requests).toHaveLength(3);
  });

  test('that hangs up is asked again', async () => {
    const model = await modelWith([{ hangUp: true }, { content: { n: 3 } }]);
    expect(await ask(model)).toMatchObject({ ok: true });
  });

  test('that is not there is an error with the reason', async () => {
    const model = await modelWith([], { maxAttempts: 1 });
    await server.close();
    expect(await ask(model)).toMatchObject({
      ok: false,
      error: { code: 'model_unavailable', message: expect.stringContaining('ECONNREFUSED') },
    });
  });

  test.each(['before headers', 'within body'] as const)('that hangs %s is given up after the timeout', async (hang) => {
    const model = await modelWith([{ hang }], { timeoutMs: 1_500 });
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_timeout', message: expect.stringContaining('1500 ms') } });
    expect(server.requests).toHaveLength(1);
    await vi.waitFor(() => expect(server.abandoned).toBe(1));
  });
});

describe('aborting', () => {
  test.each(['before headers', 'within body'] as const)('ends a call that hangs %s, and closes its connection', async (hang) => {
    const model = await modelWith([{ hang }]);
    const controller = new AbortController();
    const answer = ask(model, controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort();
    expect(await answer).toMatchObject({ ok: false, error: { code: 'aborted' } });
    await vi.waitFor(() => expect(server.abandoned).toBe(1));
  });

  test('ends the wait between two attempts', async () => {
    const model = await modelWith([{ status: 429, headers: { 'retry-after': '59' } }]);
    const controller = new AbortController();
    const answer = ask(model, controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort();
    expect(await answer).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect(server.requests).toHaveLength(1);
  });
});
