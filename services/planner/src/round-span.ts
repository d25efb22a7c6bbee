/** Rounds in traces: who was asked, in which form, and what it took; nothing of what was said. */
import { openSpan, type SpanAttributes } from '@countersign/service';
import type { PlanningRound } from '@countersign/shared';

export const ROUND_SPAN = 'planner.round';

type Said = Pick<PlanningRound, 'round' | 'planner' | 'model' | 'format' | 'issues' | 'error' | 'usage'>;

/** The message of an error quotes what was asked for. */
export const codeOf = (error: string | null): string | undefined => error?.split(':')[0];

export const roundAttributes = ({ round, planner, model, format, issues, error, usage }: Said): SpanAttributes => ({
  'countersign.round.number': round,
  'countersign.round.planner': planner,
  'countersign.round.format': format ?? undefined,
  'countersign.round.issues': issues.length,
  ...(model === null ? {} : { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model }),
  'gen_ai.usage.input_tokens': usage?.inputTokens,
  'gen_ai.usage.output_tokens': usage?.outputTokens,
  'error.type': codeOf(error),
});

/** A round that asked no model is over by the time that it is known of. */
export function spanOfRound(round: PlanningRound): void {
  const span = openSpan(ROUND_SPAN, { attributes: roundAttributes(round), startedAt: Date.now() - round.durationMs });
  const code = codeOf(round.error);
  if (code !== undefined) span.fail(code);
  span.end();
}
