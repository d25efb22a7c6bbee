/** Plans as resources: what a client can put before an agent without a call of a tool. */
import type { Page, Plan, PlanSummary } from '@countersign/shared';
import {
  type ListResourcesResult,
  type ListResourceTemplatesResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import type { Answer } from '../answer.ts';
import { perform } from '../perform.ts';
import { oneLine } from './answer-size.ts';
import { markdownPart } from './plan-parts.ts';
import { operationNamed, type ToolCall } from './tool.ts';

const PLAN_URI = /^countersign:\/\/plans\/([A-Za-z0-9_]+)$/;
const MARKDOWN = 'text/markdown';
const LISTED = 20;
const TITLE_CHARACTERS = 100;

export const resourceTemplates: ListResourceTemplatesResult = {
  resourceTemplates: [
    {
      name: 'plan',
      title: 'A plan',
      uriTemplate: 'countersign://plans/{planId}',
      description: 'The plan as Markdown: its digest, its steps, what became of them. Cut where it is long; get_plan shows the rest.',
      mimeType: MARKDOWN,
    },
  ],
};

const ask = (
  id: 'readPlan' | 'listPlans',
  call: ToolCall,
  { params = {}, query = {} }: { params?: Record<string, string>; query?: object },
) => {
  const { context, ...exchange } = call;
  const readBody = async () => ({ ok: true, value: undefined }) as const;
  return perform(operationNamed(id), context, { ...exchange, params, query, readBody, idempotencyKey: undefined });
};

/** The body of an answer. A problem has no other place here than the protocol's own error. */
function bodyOf<Body>(answer: Answer): Body {
  if (answer.kind === 'json') return answer.body as Body;
  const detail = answer.kind === 'problem' ? answer.detail : 'the answer is not JSON';
  const wrong = answer.kind === 'problem' && answer.code === 'invalid_request';
  throw new ProtocolError(wrong ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError, detail);
}

/** The newest plans. */
export async function listResources(cursor: string | undefined, call: ToolCall): Promise<ListResourcesResult> {
  const answer = await ask('listPlans', call, { query: { limit: LISTED, ...(cursor !== undefined && { cursor }) } });
  const { items, nextCursor } = bodyOf<Page<PlanSummary>>(answer);
  const resources = items.map(({ id, objective, status }) => ({
    name: id,
    title: oneLine(objective, TITLE_CHARACTERS),
    uri: `countersign://plans/${id}`,
    description: status.replaceAll('_', ' '),
    mimeType: MARKDOWN,
  }));
  return { resources, ...(nextCursor !== null && { nextCursor }) };
}

export async function readResource(uri: string, call: ToolCall): Promise<ReadResourceResult> {
  const [, id] = PLAN_URI.exec(uri) ?? [];
  if (id === undefined) throw new ResourceNotFoundError(uri, 'there is no such resource; a plan is countersign://plans/{planId}');
  const answer = await ask('readPlan', call, { params: { id }, query: { format: 'json' } });
  if (answer.kind === 'problem' && answer.code === 'not_found') throw new ResourceNotFoundError(uri, answer.detail);
  const { plan } = bodyOf<{ plan: Plan }>(answer);
  return { contents: [{ uri, mimeType: MARKDOWN, text: markdownPart(plan, 0).markdown }] };
}
