/** How a server is asked to keep to JSON, what it is asked when it does not, and that this is found out only once. */
import { createModel, type Model } from '@countersign/llm';
import { type JsonObject, MODEL_FORMATS, type ModelFormat } from '@countersign/shared';
import { afterEach, describe, expect, test } from 'vitest';
import { askedFormat, refusing } from '../model-server/asked-format.ts';
import type { ModelBehaviour, ModelReply, ModelServer } from '../model-server/model-server.ts';
import { QUESTION, SCHEMA, startModel } from './model-question.ts';

const THREE: ModelReply = { content: { n: 3 } };
const PROSE: ModelReply = { content: 'There are three of them.' };

let server: ModelServer;
async function modelWith(behaviour: ModelBehaviour): Promise<Model> {
  const started = await startModel(behaviour);
  server = started.server;
  return started.model;
}
afterEach(() => server.close());

const ask = (model: Model) => model.complete(QUESTION);
const asked = (): ModelFormat[] => server.requests.map(askedFormat);
const better = (format: ModelFormat): ModelFormat[] => MODEL_FORMATS.slice(0, MODEL_FORMATS.indexOf(format));

describe('a server that refuses', () => {
  test.each(MODEL_FORMATS)('all that is better than %s is asked in that, and from then on in nothing else', async (format) => {
    const model = await modelWith(refusing(better(format), THREE));
    expect(await ask(model)).toMatchObject({ ok: true, value: { n: 3 }, raw: '{"n":3}', format });
    expect(await ask(model)).toMatchObject({ ok: true, format });
    expect(asked()).toEqual([...better(format), format, format]);
  });

  test('a format is known to do so by every model object of the process for that server and name', async () => {
    await ask(await modelWith(refusing(['json_schema'], THREE)));
    const options = { apiKey: null, baseUrl: `${server.url}/` };
    await ask(createModel({ ...options, model: 'tiny' }));
    await ask(createModel({ ...options, model: 'other' }));
    expect(asked()).toEqual(['json_schema', 'tool_call', 'tool_call', 'json_schema', 'tool_call']);
  });

  test('every format gives the first refusal as the error, and is asked from the top again', async () => {
    const model = await modelWith(refusing(MODEL_FORMATS, THREE));
    const message = expect.stringContaining('json_schema is not supported');
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_bad_request', message }, format: null, usage: null });
    await ask(model);
    expect(asked()).toEqual([...MODEL_FORMATS, ...MODEL_FORMATS]);
  });

  test.each([
    [501, 'response_format is not implemented'],
    [500, 'Unsupported param: tools'],
    [422, 'Extra inputs are not permitted'],
  ])('with %i and "%s" is not asked again in the same way', async (status, message) => {
    const model = await modelWith((request) =>
      askedFormat(request) === 'json_object' ? THREE : { status, body: { error: { message, type: 'server_error' } } },
    );
    expect(await ask(model)).toMatchObject({ ok: true, format: 'json_object' });
    expect(asked()).toEqual(['json_schema', 'tool_call', 'json_object']);
  });

  test('something else than the format is not asked in another one', async () => {
    const model = await modelWith([{ status: 400, body: { error: { message: 'no such role', param: 'messages[0].role' } } }]);
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_bad_request' } });
    expect(asked()).toEqual(['json_schema']);
  });

  test('one schema is asked in the best format again for the next', async () => {
    const tooDeep = { status: 400, body: { error: { message: "Invalid schema for response_format 'count': 6 levels of nesting" } } };
    const model = await modelWith((_, index) => (index === 0 ? tooDeep : THREE));
    expect(await ask(model)).toMatchObject({ ok: true, format: 'tool_call' });
    expect(await ask(model)).toMatchObject({ ok: true, format: 'json_schema' });
  });
});

describe('a server that takes a format and ignores it', () => {
  test.each(['json_schema', 'tool_call', 'json_object'] as const)('is asked one format further down after prose to %s', async (format) => {
    const model = await modelWith((request) => refusing(better(format), askedFormat(request) === format ? PROSE : THREE)(request));
    const next = MODEL_FORMATS[MODEL_FORMATS.indexOf(format) + 1];
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_not_json' }, format, usage: { inputTokens: 100 } });
    expect(await ask(model)).toMatchObject({ ok: true, format: next });
    expect(await ask(model)).toMatchObject({ ok: true, format: next });
    expect(asked()).toEqual([...better(format), format, next, next]);
  });

  test('and never answers with JSON is asked in the last format again and again', async () => {
    const model = await modelWith([PROSE]);
    for (let times = 0; times < 6; times++) await ask(model);
    expect(asked()).toEqual([...MODEL_FORMATS, 'text', 'text']);
  });

  test('is asked further down where a strict schema gave an object without what it requires', async () => {
    const model = await modelWith([{ content: { count: 3 } }]);
    expect(await ask(model)).toMatchObject({ ok: true, value: { count: 3 }, format: 'json_schema' });
    expect(await ask(model)).toMatchObject({ format: 'tool_call' });
  });

  test('is asked further down where it writes the answer instead of calling the tool, which is taken all the same', async () => {
    const model = await modelWith(refusing(['json_schema'], { content: '```json\n{"n": 3}\n```' }));
    expect(await ask(model)).toMatchObject({ ok: true, value: { n: 3 }, format: 'tool_call' });
    expect(await ask(model)).toMatchObject({ ok: true, value: { n: 3 }, format: 'json_object' });
  });
});

describe('a format that worked', () => {
  test('stays, whatever a later answer is', async () => {
    const model = await modelWith((_, index) => (index === 1 ? PROSE : THREE));
    expect(await ask(model)).toMatchObject({ ok: true });
    expect(await ask(model)).toMatchObject({ ok: false, error: { code: 'model_not_json' } });
    expect(await ask(model)).toMatchObject({ ok: true });
    expect(asked()).toEqual(['json_schema', 'json_schema', 'json_schema']);
  });

  test.each([
    ['a refusal', { refusal: 'No.' }],
    ['an answer that was cut off', { content: '{"n": 3', finishReason: 'length' }],
    ['a server that is busy', { status: 429, headers: { 'retry-after': '3600' } }],
  ] as const)('is not doubted for %s', async (_, reply) => {
    const model = await modelWith([reply]);
    await ask(model);
    await ask(model);
    expect(asked()).toEqual(['json_schema', 'json_schema']);
  });
});

describe('what is sent', () => {
  const bodies = async (reply: (format: ModelFormat) => ModelBehaviour, format: ModelFormat) => {
    await ask(await modelWith(reply(format)));
    return server.requests.at(-1)?.body;
  };
  const only = (format: ModelFormat): ModelBehaviour =>
    refusing(
      MODEL_FORMATS.filter((other) => other !== format),
      THREE,
    );

  test('for json_schema is the strict schema', async () => {
    const body = await bodies(only, 'json_schema');
    expect(body?.response_format).toEqual({ type: 'json_schema', json_schema: { name: 'count', strict: true, schema: SCHEMA } });
    expect(body?.messages).toEqual(QUESTION.messages);
  });

  test('for tool_call is one function with the schema as its parameters, and the choice of it', async () => {
    const body = await bodies(only, 'tool_call');
    expect(body?.tools).toEqual([{ type: 'function', function: { name: 'count', description: expect.any(String), parameters: SCHEMA } }]);
    expect(body?.tool_choice).toEqual({ type: 'function', function: { name: 'count' } });
    expect(body?.messages).toEqual(QUESTION.messages);
  });

  test.each(['json_object', 'text'] as const)('for %s is the schema in the prompt', async (format) => {
    const body = await bodies(only, format);
    expect(body?.response_format).toEqual(format === 'text' ? undefined : { type: 'json_object' });
    expect(body?.messages).toHaveLength(2);
    expect(body?.messages[0]?.content).toMatch(/^You count\./);
    expect(body?.messages[0]?.content).toContain(JSON.stringify(SCHEMA));
  });

  test.each<[string, JsonObject]>([
    ['an optional property', { type: 'object', properties: { n: {} }, additionalProperties: false }],
    ['an open object', { type: 'object', properties: { n: {} }, required: ['n'] }],
    ['an open object within', { ...SCHEMA, properties: { n: { type: 'array', items: { type: 'object' } } } }],
    ['a keyword that is not taken', { ...SCHEMA, properties: { n: { type: 'string', minLength: 1 } } }],
    ['a choice at the root', { ...SCHEMA, anyOf: [SCHEMA] }],
  ])('of a schema with %s is no demand to be strict, and what it requires proves nothing', async (_, schema) => {
    const model = await modelWith([{ content: { other: 1 } }]);
    for (const times of [1, 2]) {
      expect(await model.complete({ ...QUESTION, schema: { name: 'loose', schema } }), `time ${times}`).toMatchObject({
        format: 'json_schema',
      });
    }
    expect(server.requests[0]?.body.response_format?.json_schema).toEqual({ name: 'loose', strict: false, schema });
  });
});

describe('the call of a tool', () => {
  const toolCalls = async (calls: (string | object)[], finishReason?: string) =>
    ask(await modelWith(refusing(['json_schema'], { toolCalls: calls, ...(finishReason === undefined ? {} : { finishReason }) })));

  test.each([
    ['whole', '{"n": 3}'],
    ['nearly JSON', "{'n': 3,}"],
    ['encoded twice', JSON.stringify('{"n": 3}')],
  ])('gives the answer where its arguments are %s', async (_, text) => {
    expect(await toolCalls([text])).toMatchObject({ ok: true, value: { n: 3 }, raw: text, format: 'tool_call' });
  });

  test.each([
    ['cut', '{"n": [1, 2', 'model_cut_off'],
    ['no JSON', 'three', 'model_not_json'],
    ['broken', '{"n": [1}]', 'model_not_json'],
    ['a list', '[{"n": 1}, {"n": 2}]', 'model_not_json'],
  ])('whose arguments are %s gives none, but was paid for', async (_, text, code) => {
    expect(await toolCalls([text])).toMatchObject({ ok: false, error: { code }, raw: text, usage: { outputTokens: 20 } });
  });

  test('cut by a length limit gives none, also where what came looks whole', async () => {
    expect(await toolCalls(['{"n": 3}'], 'length')).toMatchObject({ ok: false, error: { code: 'model_cut_off' } });
  });

  test('made twice gives none: nobody knows which part of the answer is where', async () => {
    const answer = await toolCalls([{ n: 3 }, { n: 4 }]);
    expect(answer).toMatchObject({ ok: false, error: { code: 'model_not_json', message: expect.stringContaining('2 calls') } });
  });
});
