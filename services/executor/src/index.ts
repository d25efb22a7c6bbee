export { type Executor, type ExecutorOptions, startExecutor } from './executor.ts';
