/** Reads a request's body: JSON in UTF-8 that can be read in one way only, of limited size, depth and number of values. */
import type { IncomingMessage } from 'node:http';
import { jsonErrorOffset, lineAndColumn } from '@countersign/service';
import { type Json, LIMITS } from '@countersign/shared';
import { type Answer, problem } from './answer.ts';
import { type JsonFlaw, surveyJson } from './json-survey.ts';

export type BodyReading = { ok: true; value: Json | undefined } | { ok: false; answer: Answer };

const refuse = (answer: Answer): BodyReading => ({ ok: false, answer });

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** What the headers alone rule out, before a byte is read. */
function wrongHeaders({ headers }: IncomingMessage): Answer | null {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim().toLowerCase());
  if (type !== 'application/json') {
    const got = type === '' ? 'without a Content-Type' : `as ${type.slice(0, 100)}`;
    return problem('unsupported_media_type', `the body came ${got}; send it as application/json`);
  }
  // Each of them: of several, another reader might take another one.
  const charsets = parameters
    .filter((parameter) => /^charset\s*=/.test(parameter))
    .map((parameter) => parameter.replace(/^charset\s*=\s*/, ''));
  const other = charsets.find((charset) => !['utf-8', 'utf8', '"utf-8"', '"utf8"'].includes(charset));
  if (other !== undefined) return problem('unsupported_media_type', `the body came in the charset ${other.slice(0, 100)}; send UTF-8`);
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity')
    return problem('unsupported_media_type', `the body came with the Content-Encoding ${encoding.slice(0, 100)}; send it uncompressed`);
  return Number(headers['content-length'] ?? 0) > LIMITS.bodyBytes ? tooLarge() : null;
}

const tooLarge = (): Answer => problem('too_large', `the body is larger than ${LIMITS.bodyBytes} bytes`);

/** All bytes, or why not: `too large` after the first byte too many, `cut off` when the client went away. */
function collect(request: IncomingMessage): Promise<Buffer | 'too large' | 'cut off'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (result: Buffer | 'too large' | 'cut off'): void => {
      request.removeListener('data', onData);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > LIMITS.bodyBytes) finish('too large');
      else chunks.push(chunk);
    };
    request.on('data', onData);
    request.once('end', () => finish(Buffer.concat(chunks)));
    request.once('error', () => finish('cut off'));
    request.once('close', () => finish('cut off'));
  });
}

/** A body that is refused because of what stands at a position. */
function refuseAt(text: string, position: number, what: string): BodyReading {
  const { line, column } = lineAndColumn(text, position);
  return refuse(problem('invalid_json', `the body ${what} at position ${position} (line ${line}, column ${column})`, { position }));
}

function refuseLimit(message: string): BodyReading {
  return refuse(problem('invalid_request', `the body ${message}`, { issues: [{ path: '', code: 'limit_exceeded', message }] }));
}

function refuseFlaw(flaw: JsonFlaw, text: string, depth: number): BodyReading {
  if (flaw.kind === 'too deep') return refuseLimit(`must not be nested deeper than ${depth} levels`);
  if (flaw.kind === 'too many values') return refuseLimit(`must not hold more than ${LIMITS.jsonValues} values`);
  return refuseAt(text, flaw.position, flaw.message);
}

function parse(text: string, depth: number): BodyReading {
  const flaw = surveyJson(text, { depth, values: LIMITS.jsonValues });
  // What takes more than it may is not parsed at all.
  if (flaw !== null && flaw.kind !== 'ambiguous') return refuseFlaw(flaw, text, depth);
  try {
    const value = JSON.parse(text) as Json;
    return flaw === null ? { ok: true, value } : refuseFlaw(flaw, text, depth);
  } catch {
    const offset = jsonErrorOffset(text) ?? text.length;
    return refuseAt(text, offset, offset >= text.length ? 'ends where JSON must go on' : 'is not JSON');
  }
}

/** The body as a JSON value, nested at most `depth` levels; undefined when the request has none. */
export async function readBody(request: IncomingMessage, depth: number = LIMITS.jsonDepth): Promise<BodyReading> {
  if (!hasBody(request)) return { ok: true, value: undefined };
  const wrong = wrongHeaders(request);
  if (wrong !== null) return refuse(wrong);
  const bytes = await collect(request);
  if (bytes === 'too large') return refuse(tooLarge());
  if (bytes === 'cut off') return refuse(problem('invalid_json', 'the connection ended before the body did'));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse(problem('invalid_json', 'the body is not UTF-8'));
  }
  return parse(text, depth);
}
