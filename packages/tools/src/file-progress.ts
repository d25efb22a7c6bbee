/** Progress over many files, reported seldom enough that a large workspace does not flood the event log. */
import type { ToolContext } from './tool.ts';

const REPORTS = 20;

/** Returns a function to call after each file. */
export function fileProgress(ctx: Pick<ToolContext, 'progress'>, total: number, verb: string): (done: number) => void {
  const every = Math.max(1, Math.ceil(total / REPORTS));
  return (done) => {
    if (done % every === 0 || done === total) ctx.progress(total === 0 ? 1 : done / total, `${verb} ${done} of ${total} files`);
  };
}
