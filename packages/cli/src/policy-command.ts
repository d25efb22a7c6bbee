/** `countersign policy test`: what a policy in a file says of a plan, or would have said of those that are stored. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { readDocument, readPolicyFile } from '@countersign/service';
import {
  type DryRun,
  demandsText,
  isObject,
  type Json,
  type PastDryRun,
  PLAN_STATUSES,
  type PolicyTrial,
  ROLES,
} from '@countersign/shared';
import { apiAddress } from './api-address.ts';
import { apiOf } from './api-of.ts';
import { columns } from './columns.ts';
import { cut, plainText, type Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const POLICY_USAGE = `Usage: countersign policy test FILE --plan PLAN [--submitter NAME --role ROLE ...] [--json]
       countersign policy test FILE --plan-id ID [--revision N] [--json]
       countersign policy test FILE [--status STATUS] [--since TIME] [--limit N] [--json]

  FILE         a policy, YAML or JSON
  --plan       a file with a plan as POST /v1/plans takes it, YAML or JSON
  --submitter  whose plan it would be, with what roles; you, where it is left out
  --plan-id    a plan that is stored
  without a plan: what the policy says of those that are stored, newest first, 50 of them or --limit (at most 200)

COUNTERSIGN_URL is the address of the API, COUNTERSIGN_API_KEY the secret of a key that may read. Nothing is stored.
`;

const OPTIONS = {
  plan: { type: 'string' },
  'plan-id': { type: 'string' },
  revision: { type: 'string' },
  submitter: { type: 'string' },
  role: { type: 'string', multiple: true },
  status: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Characters of a plan's objective in a row. */
const OBJECTIVE = 60;

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

type Values = ReturnType<typeof readArguments>['values'];

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} must be a whole number from 1 on`);
  return Number(text);
}

function checkCombination(values: Values): void {
  const { plan, 'plan-id': planId } = values;
  const of = (name: keyof Values): boolean => values[name] !== undefined;
  if (plan !== undefined && planId !== undefined) throw new UsageError('--plan and --plan-id exclude each other');
  if (plan === undefined && (of('submitter') || of('role'))) throw new UsageError('--submitter and --role go with --plan');
  if (of('submitter') !== of('role')) throw new UsageError('--submitter and --role go together');
  if (planId === undefined && of('revision')) throw new UsageError('--revision goes with --plan-id');
  if ((plan ?? planId) !== undefined && (of('status') || of('since') || of('limit')))
    throw new UsageError('--status, --since and --limit go without a plan');
}

async function readPlanFile(path: string): Promise<Record<string, unknown>> {
  const reading = readDocument(await readFile(path, 'utf8'), extname(path) === '.json' ? 'json' : 'yaml');
  if (reading.ok && isObject(reading.document.value)) return reading.document.value;
  if (reading.ok) throw new Error(`${path}: a plan must be an object with an objective and steps`);
  throw new Error(reading.problems.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`).join('\n'));
}

/** The words as some of those that there are. */
function known<Word extends string>(name: string, words: readonly string[], all: readonly Word[]): Word[] {
  const strange = words.find((word) => !(all as readonly string[]).includes(word));
  if (strange !== undefined) throw new UsageError(`--${name}: there is no ${name} ${strange}; there are ${all.join(', ')}`);
  return words as Word[];
}

async function bodyOf(values: Values, policy: Json): Promise<PolicyTrial> {
  const { plan, 'plan-id': planId, submitter, role = [], status, since } = values;
  const [revision, limit] = [wholeNumber('revision', values.revision), wholeNumber('limit', values.limit)];
  const words = role.flatMap((each) => each.split(','));
  const roles = known('role', words, ROLES);
  const [wanted] = known('status', status === undefined ? [] : [status], PLAN_STATUSES);
  if (plan !== undefined)
    return { policy, plan: await readPlanFile(plan), ...(submitter !== undefined && { submitter: { actor: submitter, roles } }) };
  if (planId !== undefined) return { policy, planId, revision };
  return { policy, plans: { status: wanted, since, limit } };
}

const decisionText = ({ outcome, rule, demands, reason }: DryRun['decision'], submitters: readonly string[]): string => {
  const by = rule === null ? 'by default' : `by the rule ${rule}`;
  if (outcome === 'approve') return `people are asked, ${by}: ${demandsText(demands, submitters)}`;
  return outcome === 'deny' ? `denied, ${by}: ${reason}` : `nobody is asked, ${by}: ${reason}`;
};

const shortText = ({ outcome, demands }: DryRun['decision']): string =>
  outcome === 'approve' ? `approve ${demands.map(({ count }) => count).join('+')}` : outcome;

const nameOf = ({ version, inForce }: DryRun['policy']): string =>
  `Policy ${version}, ${inForce ? 'the one in force' : 'not the one in force'}\n`;

function oneText({ policy, decision, trace, facts }: DryRun): string {
  const rows = trace.map(({ rule, matched, because }) => [`  ${plainText(rule)}`, matched ? 'yes' : 'no', plainText(because)]);
  return `${nameOf(policy)}${plainText(decisionText(decision, [facts.submitter.actor]))}\n${columns(rows)}`;
}

function pastText({ policy, items, counts, nextCursor }: PastDryRun): string {
  const rows = items.map(({ planId, revision, objective, then, now, differs }) => [
    ...[planId, String(revision), shortText(then), shortText(now), differs ? 'differs' : ''],
    cut(plainText(objective), OBJECTIVE),
  ]);
  const table = items.length === 0 ? '' : columns([['PLAN', 'REVISION', 'THEN', 'NOW', '', 'OBJECTIVE'], ...rows]);
  const { auto, approve, deny, differs } = counts;
  const more = nextCursor === null ? '' : '; there are older ones';
  return `${nameOf(policy)}${table}${items.length} plans: ${auto} auto, ${approve} approve, ${deny} deny; ${differs} differ${more}\n`;
}

/** Resolves to the exit code 0; throws a UsageError, or an error with what is wrong with the policy or went wrong. */
export async function policyCommand(
  args: readonly string[],
  { env, terminal }: { env: NodeJS.ProcessEnv; terminal: Terminal },
): Promise<number> {
  const { positionals, values } = readArguments(args);
  const [verb, file, ...more] = positionals;
  if (verb !== 'test') throw new UsageError(verb === undefined ? 'say test' : `there is no policy ${verb}; say test`);
  if (file === undefined) throw new UsageError('test needs the file of a policy');
  if (more.length > 0) throw new UsageError(`there is one argument too many: ${more.at(-1)}`);
  checkCombination(values);
  const reading = await readPolicyFile(file);
  if (!reading.ok) throw new Error(['the policy cannot be used:', ...reading.problems].join('\n  '));
  const body = await bodyOf(values, reading.document);
  const { client, told } = apiOf(apiAddress(env));
  const answer = await told(client.testPolicy(body));
  const text = 'items' in answer ? pastText(answer) : oneText(answer);
  terminal.write(values.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text);
  return 0;
}
