export type { BuiltinSettings } from './builtin-tools.ts';
export { type ConditionDefinition, defineCondition } from './define-condition.ts';
export { defineTool, type ToolDefinition } from './define-tool.ts';
export { compileSchema, type SchemaCheck, schemaIssues } from './json-schema.ts';
export { loadTools, type Toolbox, type ToolSettings } from './load-tools.ts';
export type { PrivateNetworks } from './network-guard.ts';
export { findShellCommands, type ShellCommands } from './shell-commands.ts';
export { stepQueueProblem } from './step-queue.ts';
export { type CheckedInput, type ReviewContext, type Tool, type ToolContext, ToolError, type ToolLogger } from './tool.ts';
