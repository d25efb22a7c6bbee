export type { ModelError } from './failure.ts';
export type { OutputSchema } from './formats.ts';
export { type Completion, createModel, type Message, type Model, type ModelOptions, type Question } from './model.ts';
