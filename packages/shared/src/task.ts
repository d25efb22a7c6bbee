/** A task: what somebody asked for. The planner answers it with a plan. */
import type { Issue } from './issue.ts';
import type { JsonObject } from './json.ts';
import type { PlanOptionsInput } from './plan.ts';
import type { TaskStatus } from './transitions.ts';

/** One try of a planner: what it answered and what was wrong with it. */
export interface PlanningRound {
  round: number;
  planner: 'openai' | 'rules';
  /** the model's name; null for rules */
  model: string | null;
  startedAt: string;
  durationMs: number;
  /** the planner's raw answer, cut to 20,000 characters */
  reply: string | null;
  /** what validation said of the answer; empty when it was accepted */
  issues: Issue[];
  /** why there is no answer at all; null where there is one */
  error: string | null;
  usage: { inputTokens: number; outputTokens: number } | null;
}

export interface TaskError {
  code: string;
  message: string;
  /** for a machine: what the planner understood, the issues that were left */
  detail: JsonObject;
}

/** What somebody asked for, as stored. */
export interface TaskRequest {
  objective: string;
  input: JsonObject;
  options: PlanOptionsInput;
  /** the tools that the planner may use; null: all */
  tools: string[] | null;
}

export interface Task extends TaskRequest {
  id: string;
  status: TaskStatus;
  planId: string | null;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
  finishedAt: string | null;
  rounds: PlanningRound[];
  error: TaskError | null;
}
