export { type Executor, type ExecutorOptions, startExecutor } from './executor.ts';
export { EXECUTOR_METRICS } from './metrics.ts';
