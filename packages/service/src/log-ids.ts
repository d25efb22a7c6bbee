/** What lines of the log are about: one name for each thing, in every service, so that one search finds all of a plan. */
export interface LogIds {
  /** of an HTTP request */
  requestId?: string | undefined;
  /** who asked for it */
  actor?: string | undefined;
  taskId?: string | null | undefined;
  planId?: string | null | undefined;
  revision?: number | undefined;
  /** the number of what a plan asks of the planner */
  request?: number | undefined;
  stepId?: string | null | undefined;
  generation?: number | undefined;
  attempt?: number | undefined;
  webhookId?: string | undefined;
  deliveryId?: string | undefined;
}

/** For a line, or for a child of the log: what is not known is left out. */
export const logIds = (ids: LogIds): LogIds => Object.fromEntries(Object.entries(ids).filter(([, value]) => value != null));
