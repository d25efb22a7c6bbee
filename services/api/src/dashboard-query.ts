/** What the dashboard may be asked for: what is beyond this, its own code passes on to Redis, or reads all of at once. */
import { z } from 'zod';
import { type ProblemAnswer, problem } from './answer.ts';
import { issuesOf, summaryOf } from './issues.ts';

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const lookQuery = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).optional(),
  jobsPerPage: z.coerce.number().int().min(1).max(200).optional(),
  // It is decoded once more there.
  activeQueue: z.string().refine(isDecodable, 'must be the name of a queue').optional(),
});

/** Why a look is refused; null where it may be taken. */
export function refuseLook(query: unknown): ProblemAnswer | null {
  const { error } = lookQuery.safeParse(query);
  if (error === undefined) return null;
  const issues = issuesOf(error);
  return problem('invalid_request', summaryOf(issues, 'the query'), { issues });
}
