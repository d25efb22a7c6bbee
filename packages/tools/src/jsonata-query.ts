/** Running a JSONata query where it can be stopped: the language has loops without end, and it computes without pause. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Json } from '@countersign/shared';
import { abortedError, ToolError, throwIfAborted } from './tool.ts';

/** Text and not a file, because it must start from the sources and from the build alike. */
const WORKER_CODE = `
const { parentPort, workerData } = require('node:worker_threads');
const jsonata = require(workerData.library);
const withoutFunctions = (key, value) =>
  typeof value === 'function' || (value && (value._jsonata_lambda || value._jsonata_function)) ? undefined : value;
const answer = async () => {
  let expression;
  try {
    expression = jsonata(workerData.query);
  } catch (error) {
    return { kind: 'unreadable', message: error.message, position: error.position };
  }
  try {
    const value = await expression.evaluate(workerData.data);
    return { kind: 'value', text: JSON.stringify(value === undefined ? null : value, withoutFunctions) };
  } catch (error) {
    return { kind: 'failed', message: error.message, position: error.position };
  }
};
answer().then((reply) => parentPort.postMessage(reply));
`;

type Reply = { kind: 'value'; text: string | undefined } | { kind: 'unreadable' | 'failed'; message: string; position?: number };

const MEMORY_MB = 256;
const library = fileURLToPath(import.meta.resolve('jsonata'));

export interface JsonataQuery {
  query: string;
  data: Json;
  signal: AbortSignal;
  /** milliseconds after which the query is given up */
  timeLimitMs: number;
}

/** The value of a query; null where it finds nothing. Rejects with a ToolError. */
export async function runJsonata({ query, data, signal, timeLimitMs }: JsonataQuery): Promise<Json> {
  throwIfAborted(signal);
  const worker = new Worker(WORKER_CODE, {
    eval: true,
    workerData: { library, query, data },
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  try {
    return valueIn(await firstReply(worker, signal, timeLimitMs));
  } finally {
    await worker.terminate();
  }
}

function firstReply(worker: Worker, signal: AbortSignal, timeLimitMs: number): Promise<Reply> {
  return new Promise<Reply>((resolve, reject) => {
    const stop = (): void => reject(abortedError(signal));
    signal.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(() => {
      reject(new ToolError('timeout', `the query did not end within ${timeLimitMs} ms`, { retryable: false }));
    }, timeLimitMs);
    const settled = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      settle();
    };
    worker.once('message', (reply: Reply) => settled(() => resolve(reply)));
    worker.once('error', (cause) => settled(() => reject(crashed(cause))));
    worker.once('exit', () => settled(() => reject(new ToolError('tool_error', 'the query ended without an answer'))));
  });
}

function crashed(cause: Error): ToolError {
  if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new ToolError('tool_error', `the query needs more than ${MEMORY_MB} MB of memory`, { retryable: false, cause });
  return new ToolError('tool_error', `the query ended abruptly: ${cause.message}`, { cause });
}

function valueIn(reply: Reply): Json {
  if (reply.kind === 'value') {
    if (reply.text === undefined) throw new ToolError('tool_error', 'the query gives a function, not a value', { retryable: false });
    return JSON.parse(reply.text) as Json;
  }
  const where = reply.position === undefined ? '' : ` (at position ${reply.position})`;
  if (reply.kind === 'unreadable') throw new ToolError('invalid_input', `query: ${reply.message}${where}`);
  throw new ToolError('tool_error', `the query failed: ${reply.message}${where}`, { retryable: false });
}
