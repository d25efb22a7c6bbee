/** The setting SECRETS_ALLOW: which tools may be given which secrets, and to which hosts these may send them. */
import { jsonSetting } from '@countersign/service';
import { type Json, SECRET_NAME } from '@countersign/shared';
import type { Tool } from '@countersign/tools';
import { z } from 'zod';

const EXAMPLE = '{"GITHUB_TOKEN": {"tools": ["http.request"], "hosts": ["api.github.com"]}}';
/** Stands for every secret that has no rule of its own. */
const ALL_OTHERS = '*';

const rule = z.strictObject({
  /** names of tools, or beginnings like `github.*`; absent: all */
  tools: z.array(z.string().regex(/^[A-Za-z][\w.-]*(\.\*)?$/, 'must be the name of a tool, or a beginning like github.*')).optional(),
  /** hosts, with or without a port, or endings like `*.example.com`; `http://` before one that may be reached by http; absent: all */
  hosts: z
    .array(
      z
        .string()
        .regex(/^(http:\/\/)?(\*\.)?[\w.[\]:-]+$/, 'must be a host like api.github.com or *.example.com; http:// before it allows http'),
    )
    .optional(),
});
const rules = z.record(z.string(), rule).superRefine((named, context) => {
  for (const name of Object.keys(named)) {
    if (name !== ALL_OTHERS && !SECRET_NAME.test(name))
      context.addIssue({
        code: 'custom',
        path: [name],
        message: "is no name of a secret: capital letters, digits and '_', a letter first; or *",
      });
  }
});

type SecretRule = z.output<typeof rule>;
export type SecretRules = ReadonlyMap<string, SecretRule>;

/** JSON text like `{"GITHUB_TOKEN": {"tools": ["http.request"], "hosts": ["api.github.com"]}}`, as rules by name. */
export const secretRules = jsonSetting(rules, EXAMPLE);

const fitsTool = (pattern: string, tool: string): boolean =>
  pattern.endsWith('.*') ? tool.startsWith(pattern.slice(0, -1)) : tool === pattern;

const CLEAR = 'http://';

/** Both may begin with `http://`: what goes over the network in the clear is another matter. A host has a port where it is not its protocol's own. */
function fitsHost(pattern: string, host: string): boolean {
  if (pattern.startsWith(CLEAR) !== host.startsWith(CLEAR)) return false;
  const [wanted, full] = [pattern, host].map((text) => text.replace(CLEAR, '').toLowerCase()) as [string, string];
  const bare = full.replace(/:\d+$/, '');
  return wanted.startsWith('*.') ? bare.endsWith(wanted.slice(1)) : wanted === full || wanted === bare;
}

/**
 * Why a tool may not be given a secret; null where it may. `input` is what it would be called with; a host that can't be
 * told from it is refused, unless `isPartial`, where it is not yet all there.
 */
export function secretRefusal(
  rules: SecretRules | null,
  { name, tool, input, isPartial = false }: { name: string; tool: Tool; input: Json; isPartial?: boolean },
): string | null {
  if (rules === null) return null;
  const named = tool.contract.name;
  const found = rules.get(name) ?? rules.get(ALL_OTHERS);
  if (found === undefined) return `no tool may be given the secret ${name}: SECRETS_ALLOW does not list it`;
  const { tools, hosts } = found;
  if (tools !== undefined && !tools.some((pattern) => fitsTool(pattern, named)))
    return `${named} may not be given the secret ${name}: SECRETS_ALLOW gives it to ${tools.join(', ') || 'no tool'}`;
  if (hosts === undefined) return null;
  const allowed = `SECRETS_ALLOW lets it go to ${hosts.join(', ') || 'no host'}`;
  if (tool.hosts === undefined)
    return `${named} may not be given the secret ${name}: ${allowed}, and this tool does not say where it sends what it is given`;
  const reached = tool.hosts(input);
  if (reached === null)
    return isPartial ? null : `${named} may not be given the secret ${name}: ${allowed}, and where this call goes can't be told`;
  const other = reached.find((host) => !hosts.some((pattern) => fitsHost(pattern, host)));
  return other === undefined ? null : `the secret ${name} may not be sent to ${other}: ${allowed}`;
}
