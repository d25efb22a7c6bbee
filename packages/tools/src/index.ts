export type { BuiltinSettings } from './builtin-tools.ts';
export { defineTool, type ToolDefinition } from './define-tool.ts';
export { loadTools, type ToolSettings } from './load-tools.ts';
export type { PrivateNetworks } from './network-guard.ts';
export { type CheckedInput, type Tool, type ToolContext, ToolError, type ToolLogger } from './tool.ts';
