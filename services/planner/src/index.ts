export { type AnswerResult, answerRequest, type RequestStore } from './answer-request.ts';
export { type PlannerConfig, plannerConfigSchema } from './config.ts';
export { PLANNER_METRICS } from './metrics.ts';
export { createOpenaiPlanner } from './openai-planner.ts';
export { type PlanningDeps, type PlanTaskResult, planTask, type TaskPlanningStore } from './plan-task.ts';
export type { PlanAnswer, Planner, PlanRequest, ReplanRequest, RevisionRequest, SummaryAnswer, SummaryRequest } from './planner.ts';
export { createRulesPlanner } from './rules/rules-planner.ts';
export { PlanningInterruptedError } from './under-hold.ts';
