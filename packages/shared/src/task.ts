/** A task: what somebody asked for. A planner answers it with a plan. */
import type { Role } from './actor.ts';
import type { Issue } from './issue.ts';
import type { JsonObject } from './json.ts';
import type { PlanOptionsInput } from './plan.ts';
import type { TaskStatus } from './transitions.ts';

export const PLANNERS = ['openai', 'rules', 'template'] as const;
export type PlannerName = (typeof PLANNERS)[number];

/** How a model was asked to keep to JSON, best first. */
export const MODEL_FORMATS = ['json_schema', 'tool_call', 'json_object', 'text'] as const;
export type ModelFormat = (typeof MODEL_FORMATS)[number];

/** What calls of a model took. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** US dollars; null where no prices are set */
  costUsd: number | null;
  /** whether the tokens were worked out from the texts' lengths, because the server counted none */
  estimated: boolean;
}

/** What a task, or a plan, has taken of models so far: its planning, revisions, replanning and summaries together. */
export interface TotalUsage extends Omit<Usage, 'estimated'> {
  /** rounds that asked a model */
  calls: number;
}

/** One try of a planner: what it answered and what was wrong with it. */
export interface PlanningRound {
  round: number;
  planner: PlannerName;
  /** the model's name; null where there is none */
  model: string | null;
  /** null without a model, and where it gave no answer */
  format: ModelFormat | null;
  /** of the prompts; null without a model */
  promptVersion: string | null;
  /** the digest of all messages that the model was sent, `sha256:` and hex; null without a model */
  promptHash: string | null;
  startedAt: string;
  durationMs: number;
  /** the planner's raw answer, cut to 20,000 characters */
  reply: string | null;
  /** what validation said of the answer, at most 100 issues; empty when it was accepted */
  issues: Issue[];
  /** why there is no answer at all; null where there is one */
  error: string | null;
  /** null without a model, and where it gave no answer */
  usage: Usage | null;
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
  /** the template that the plan is made from, as it was when it was asked for; null: a planner writes the plan */
  template: { name: string; digest: string } | null;
}

export interface Task extends TaskRequest {
  id: string;
  status: TaskStatus;
  planId: string | null;
  /** when somebody deleted its plan; null: nobody did */
  planDeletedAt: string | null;
  createdBy: string;
  /** those that they had then */
  createdByRoles: Role[];
  createdAt: string;
  updatedAt: string;
  finishedAt: string | null;
  rounds: PlanningRound[];
  usage: TotalUsage;
  error: TaskError | null;
}
