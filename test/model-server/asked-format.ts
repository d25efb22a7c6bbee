/** In which format a request asks for JSON, and servers that don't take them all. */
import type { ModelFormat } from '@countersign/shared';
import type { ModelReply, ModelRequest } from './model-server.ts';

export function askedFormat({ body }: Pick<ModelRequest, 'body'>): ModelFormat {
  if (body.response_format?.type === 'json_schema') return 'json_schema';
  if (body.response_format?.type === 'json_object') return 'json_object';
  return body.tool_choice === undefined ? 'text' : 'tool_call';
}

/** How a server says that it does not take the format. */
const formatRefused = (format: ModelFormat): ModelReply => ({
  status: 400,
  body: {
    error: {
      message: `${format} is not supported`,
      type: 'invalid_request_error',
      param: format === 'tool_call' ? 'tool_choice' : 'response_format',
    },
  },
});

/** A server that refuses these formats and answers the others. */
export const refusing =
  (refused: readonly ModelFormat[], reply: ModelReply) =>
  (request: ModelRequest): ModelReply => {
    const format = askedFormat(request);
    return refused.includes(format) ? formatRefused(format) : reply;
  };
