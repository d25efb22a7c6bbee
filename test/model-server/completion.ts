/** A completion of the chat protocol, made from what a test tells a model to say. */
import type { ModelReply, ModelRequest } from './model-server.ts';

type Saying = Extract<ModelReply, { content: unknown } | { toolCalls: unknown } | { refusal: string }>;

export function completion({ body }: ModelRequest, reply: Saying): object {
  const { content, calls } = saidIn(reply, body.tools !== undefined);
  const usage = reply.usage === undefined ? { prompt_tokens: 100, completion_tokens: 20 } : reply.usage;
  const finish = reply.finishReason === undefined ? (calls.length > 0 ? 'tool_calls' : 'stop') : reply.finishReason;
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: body.model,
    choices: [
      {
        index: 0,
        finish_reason: finish,
        logprobs: null,
        message: {
          role: 'assistant',
          content,
          refusal: 'refusal' in reply ? reply.refusal : null,
          ...(calls.length === 0 ? {} : { tool_calls: calls.map((given, index) => toolCall(given, body, index)) }),
        },
      },
    ],
    ...(usage === null ? {} : { usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens } }),
  };
}

const toolCall = (given: string, { tool_choice, tools }: ModelRequest['body'], index: number): object => ({
  id: `call_${index}`,
  type: 'function',
  function: { name: tool_choice?.function.name ?? tools?.[0]?.function.name ?? 'unasked', arguments: given },
});

const asText = (value: string | object): string => (typeof value === 'string' ? value : JSON.stringify(value));

function saidIn(reply: Saying, asToolCall: boolean): { content: unknown; calls: string[] } {
  if ('toolCalls' in reply) return { content: reply.content ?? null, calls: reply.toolCalls.map(asText) };
  if ('refusal' in reply) return { content: null, calls: [] };
  const { content } = reply;
  if (typeof content === 'string' || Array.isArray(content)) return { content, calls: [] };
  return asToolCall ? { content: null, calls: [asText(content)] } : { content: asText(content), calls: [] };
}
