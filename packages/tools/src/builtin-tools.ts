/** The tools of a fresh install. Adding one is a file in builtin/ and a line here. */
import { condition } from './builtin/condition.ts';
import { dataQuery } from './builtin/data-query.ts';
import { fsList } from './builtin/fs-list.ts';
import { fsRead } from './builtin/fs-read.ts';
import { fsSearch } from './builtin/fs-search.ts';
import { fsStats } from './builtin/fs-stats.ts';
import { fsWrite } from './builtin/fs-write.ts';
import { httpRequest } from './builtin/http-request.ts';
import { humanInput } from './builtin/human-input.ts';
import { llmGenerate } from './builtin/llm-generate.ts';
import { shellRun } from './builtin/shell-run.ts';
import { templateRender } from './builtin/template-render.ts';
import { wait } from './builtin/wait.ts';
import type { LanguageModel } from './language-model.ts';
import { addressCheck, type PrivateNetworks } from './network-guard.ts';
import type { ShellCommands } from './shell-commands.ts';
import type { Tool } from './tool.ts';
import { openWorkspace } from './workspace.ts';

export interface BuiltinSettings {
  /** the folder that file tools are confined to */
  workspaceRoot: string;
  /** which addresses besides public ones http.request may reach; none by default */
  allowPrivateNetworks?: PrivateNetworks;
  /** the programs that shell.run may start; without any there is no shell.run */
  shellCommands?: ShellCommands | undefined;
  /** the model that llm.generate asks; without one there is no llm.generate */
  languageModel?: LanguageModel | undefined;
}

/** Throws an Error when the workspace root is no folder or a network can't be read. */
export async function builtinTools({
  workspaceRoot,
  allowPrivateNetworks = false,
  shellCommands = {},
  languageModel,
}: BuiltinSettings): Promise<Tool[]> {
  const workspace = await openWorkspace(workspaceRoot);
  return [
    httpRequest(addressCheck(allowPrivateNetworks), workspace),
    fsList(workspace),
    fsRead(workspace),
    fsWrite(workspace),
    fsStats(workspace),
    fsSearch(workspace),
    dataQuery,
    templateRender,
    condition,
    humanInput,
    wait,
    ...(Object.keys(shellCommands).length === 0 ? [] : [shellRun(workspace, shellCommands)]),
    ...(languageModel === undefined ? [] : [llmGenerate(languageModel)]),
  ];
}
