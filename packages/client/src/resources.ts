/** What is sent to the API, as it is written. What comes back are the resources of @countersign/shared. */
import type { ApiKey, JsonObject, PlanDraft, PlanOptionsInput, PlanStatus, Role } from '@countersign/shared';

/** What every call takes. */
export interface CallOptions {
  /** ends the call; it then throws the signal's reason. What was asked for may have been done all the same */
  signal?: AbortSignal | undefined;
}

/** What calls take that create or decide. */
export interface ChangeOptions extends CallOptions {
  /** names the call, so that it is done once however often it is made, for 24 hours; absent: a new one for each call */
  idempotencyKey?: string | undefined;
}

interface TaskFields {
  input?: JsonObject;
  options?: PlanOptionsInput;
  /** the tools that the planner may use; absent: all */
  tools?: string[];
}

/** What somebody asks for: a planner writes the plan, or a template gives it. */
export type NewTask = TaskFields & ({ objective: string; template?: string } | { template: string; objective?: string });

/** A plan written by hand. */
export interface NewPlan extends PlanDraft {
  /** it then waits for `submit` */
  draft?: boolean;
}

/** A gate: the step of a plan that asks. */
export interface GateName {
  planId: string;
  stepId: string;
}

export interface PageQuery extends CallOptions {
  /** 1 to 200; absent: 50 */
  limit?: number | undefined;
  /** `nextCursor` of the page before */
  cursor?: string | undefined;
}

export interface PlansQuery extends PageQuery {
  status?: PlanStatus | undefined;
}

export interface NewApiKey {
  /** the actor of its calls */
  name: string;
  roles: Role[];
  /** ISO 8601; null or absent: never */
  expiresAt?: string | null;
}

export interface MadeApiKey {
  key: ApiKey;
  /** null where the call is a repeated one: it is shown once */
  secret: string | null;
  /** what else there is to know */
  notice: string | null;
}
