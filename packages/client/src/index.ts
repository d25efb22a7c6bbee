export { type Client, createClient, type Decided } from './client.ts';
export { ApiError, ConnectionError } from './errors.ts';
export type { EventsOptions } from './plan-events.ts';
export type {
  CallOptions,
  ChangeOptions,
  GateName,
  MadeApiKey,
  NewApiKey,
  NewPlan,
  NewTask,
  PageQuery,
  PlansQuery,
} from './resources.ts';
export { NoPlanError, type RunOptions, type StepEvent, type Verdict } from './run-and-wait.ts';
export type { ClientOptions } from './transport.ts';
