export type { ModelError } from './failure.ts';
export type { OutputSchema } from './formats.ts';
export {
  type Completion,
  createModel,
  type Message,
  type Model,
  type ModelOptions,
  type Question,
  type TextQuestion,
  type Written,
} from './model.ts';
export { checkModelSettings, type ModelSettings, modelFrom, modelSettings } from './settings.ts';
export type { Prices } from './usage.ts';
