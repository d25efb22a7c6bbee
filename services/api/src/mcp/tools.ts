/** Every tool of the MCP endpoint. */
import { catalogueTools } from './catalogue-tools.ts';
import { decisionTools } from './decision-tools.ts';
import { planTools } from './plan-tools.ts';
import { taskTools } from './task-tools.ts';
import type { McpTool } from './tool.ts';
import { watchTool } from './watch-tool.ts';

export const MCP_TOOLS: readonly McpTool[] = [...catalogueTools, ...taskTools, ...planTools, watchTool, ...decisionTools];
