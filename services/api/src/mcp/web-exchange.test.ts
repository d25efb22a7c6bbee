import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { webRequest } from './web-exchange.ts';

it('a client that went away before its request was handed on is known to be gone', () => {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  expect(webRequest(request, response).signal.aborted).toBe(false);
  response.destroy();
  expect(webRequest(request, response).signal.aborted).toBe(true);
});
