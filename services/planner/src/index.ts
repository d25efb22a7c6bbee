export { type PlannerConfig, plannerConfigSchema } from './config.ts';
export { createOpenaiPlanner } from './openai-planner.ts';
export { PlanningInterruptedError, type PlanningStore, type PlanTaskDeps, type PlanTaskResult, planTask } from './plan-task.ts';
export type { PlanAnswer, Planner, PlanRequest } from './planner.ts';
export { createRulesPlanner } from './rules/rules-planner.ts';
