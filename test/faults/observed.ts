/** What a run saw: of the tools, of the API, and of the faults. The checker reads nothing else. */
import type { Event, TaskError } from '@countersign/shared';
import type { AuditRecord } from '@countersign/store';
import type { Way } from './model.ts';
import type { Story } from './story.ts';

/** A line of the ledger that the tools write. `at` is in ms of the wall clock, which all processes of this machine share. */
export interface LedgerLine {
  what: 'start' | 'end' | 'failed' | 'aborted';
  at: number;
  /** one call */
  call: string;
  pid: number;
  planId: string;
  stepId: string;
  attempt: number;
  /** the idempotency key */
  key: string;
  /** on a start: the input's */
  mark?: string;
  seen?: unknown;
  hash?: string;
  /** on a start: the contract that the executor's tools were loaded with */
  contract?: number;
}

/** What the API answered to somebody who changed something. */
export interface Ack {
  planId: string;
  do: 'approve' | 'reject' | 'cancel' | 'pause' | 'resume' | 'revise' | 'retry' | 'retry_step' | 'skip' | 'approve_gate' | 'reject_gate';
  status: number;
  sentAt: number;
  answeredAt: number;
  /** of an approval: what was signed */
  digest?: string;
  stepId?: string;
}

/** Steps that had ended when somebody looked. */
export interface Sample {
  at: number;
  revision: number;
  steps: { id: string; status: string; generation: number; output: string }[];
}

export interface SeenPlan {
  story: Story;
  id: string;
  acks: Ack[];
  samples: Sample[];
  /** as the plan was when the run ended */
  audit: AuditRecord;
  /** what a client saw that followed it live and connected again after every break; null where nobody did */
  followed: Event[] | null;
}

/** What became of something that was asked of the planners. */
export interface SeenTask {
  id: string;
  way: Way;
  status: string;
  error: TaskError | null;
  /** how often the model was asked */
  calls: number;
  askedAt: number;
  endedAt: number;
}

/** A plan as the list of all plans has it. */
export interface ListedPlan {
  id: string;
  taskId: string | null;
  objective: string;
}

export interface SeenFault {
  kind: string;
  /** ms of the wall clock */
  from: number;
  until: number;
  /** processes that it hit; none: everybody who speaks with Redis */
  pids: number[];
  /** whether those processes ended there */
  deadly: boolean;
  /** whether what was acknowledged in `lostSince..from` may be gone */
  lostSince: number | null;
}

export interface Observed {
  ledger: LedgerLine[];
  plans: SeenPlan[];
  tasks: SeenTask[];
  /** every plan that there is */
  listed: ListedPlan[];
  /** what webhooks told; null where nobody was to be told */
  told: { events: ReadonlySet<string>; forged: number; messages: number } | null;
  faults: SeenFault[];
  /** tools that the fleet runs a bounded number of, by name */
  caps: Record<string, number>;
  /** the time by which a crash of a process has to be made good, and an outage of Redis, in ms */
  recovery: { crashMs: number; redisMs: number };
}

export interface Violation {
  invariant: `I${number}`;
  planId: string | null;
  stepId: string | null;
  what: string;
}
