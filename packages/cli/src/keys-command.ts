/** `countersign keys`: makes, lists and revokes API keys. */
import { parseArgs } from 'node:util';
import type { MadeApiKey, NewApiKey } from '@countersign/client';
import { loadConfig } from '@countersign/service';
import { API_KEY_ID, type ApiKey, createKeyBody } from '@countersign/shared';
import { redisFrom, storeSettings } from '@countersign/store';
import { z } from 'zod';
import { apiAddress } from './api-address.ts';
import { columns } from './columns.ts';
import { type KeyAccess, keysInStore, keysOverApi } from './key-access.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const KEYS_USAGE = `Usage: countersign keys create --name NAME --role ROLE [--role ROLE] [--expires 90d] [--json] [--store]
       countersign keys list [--json] [--store]
       countersign keys revoke ID [--json] [--store]

  --name     the actor that the key's calls are made as
  --role     viewer, submitter, approver, operator or admin; several, or joined by ','
  --expires  how long the key is good, like 12h or 90d, or until when, like 2027-01-31T12:00:00Z; for good without it
  --json     the answer as JSON
  --store    in Redis itself, where REDIS_URL says, and not over the API: for the first key

COUNTERSIGN_URL is the address of the API, COUNTERSIGN_API_KEY the secret of an admin's key.
`;

const OPTIONS = {
  name: { type: 'string' },
  role: { type: 'string', multiple: true },
  expires: { type: 'string' },
  json: { type: 'boolean' },
  store: { type: 'boolean' },
} as const;

const UNIT_MS = { h: 3_600_000, d: 86_400_000 } as const;

/** `90d`, `12h`, or a time. Null where it is neither. */
export function expiryOf(text: string, now: number): string | null {
  const [, count, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now + Number(count) * UNIT_MS[unit as 'h' | 'd'];
  const isTime = count !== undefined || /^\d{4}-\d\d-\d\d/.test(text);
  return isTime && !Number.isNaN(time) ? new Date(time).toISOString() : null;
}

interface Written {
  name?: string | undefined;
  role?: string[] | undefined;
  expires?: string | undefined;
}

function readNewKey({ name, role = [], expires }: Written, now: number): NewApiKey {
  const expiresAt = expires === undefined ? null : expiryOf(expires, now);
  if (expires !== undefined && expiresAt === null) throw new UsageError(`--expires must be like 12h, 90d or 2027-01-31T12:00:00Z`);
  if (expiresAt !== null && Date.parse(expiresAt) <= now) throw new UsageError('--expires must be in the future');
  const parsed = createKeyBody.safeParse({ name, roles: role.flatMap((words) => words.split(',')), expiresAt });
  if (parsed.success) return { ...parsed.data, expiresAt };
  const flags: Record<string, string> = { name: '--name', roles: '--role' };
  throw new UsageError(
    parsed.error.issues.map(({ path, message }) => `${flags[String(path[0])] ?? String(path[0])}: ${message}`).join('\n'),
  );
}

const stateOf = ({ revokedAt, revokedBy, expiresAt }: ApiKey, now: number): string => {
  if (revokedAt !== null) return `revoked by ${revokedBy} at ${revokedAt}`;
  if (expiresAt === null) return 'good';
  return Date.parse(expiresAt) <= now ? `expired at ${expiresAt}` : `good until ${expiresAt}`;
};

function table(keys: readonly ApiKey[], now: number): string {
  const rows = keys.map((key) => [key.id, key.name, key.roles.join(','), key.lastUsedAt ?? 'never', stateOf(key, now)]);
  return columns([['ID', 'NAME', 'ROLES', 'LAST USED', 'STATE'], ...rows]);
}

function madeText({ key, secret, notice }: MadeApiKey): string {
  const until = key.expiresAt === null ? '' : `, until ${key.expiresAt}`;
  return [
    `key     ${key.id} (${key.name}: ${key.roles.join(', ')})${until}`,
    `secret  ${secret}`,
    'The secret is shown this once. Keep it where your program finds it.',
    ...(notice === null ? [] : [`Note: ${notice}`]),
    '',
  ].join('\n');
}

const openKeys = (env: NodeJS.ProcessEnv, store: boolean): KeyAccess => {
  if (store) return keysInStore(redisFrom(loadConfig(z.object(storeSettings), env)));
  return keysOverApi(apiAddress(env));
};

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

type Action = (keys: KeyAccess) => Promise<{ json: unknown; text: string }>;

/** What the arguments ask for, checked before anything is opened. */
function readAction(positionals: readonly string[], values: Written, now: number): Action {
  const [verb, id, ...more] = positionals;
  if ((verb !== 'revoke' && id !== undefined) || more.length > 0)
    throw new UsageError(`there is one argument too many: ${positionals.at(-1)}`);
  if (verb !== 'create' && (values.name ?? values.role ?? values.expires) !== undefined)
    throw new UsageError('--name, --role and --expires go with create');
  if (verb === 'list')
    return async (keys) => {
      const items = await keys.list();
      return { json: { items }, text: items.length === 0 ? 'There are no keys.\n' : table(items, now) };
    };
  if (verb === 'revoke') {
    if (id === undefined || !API_KEY_ID.test(id)) throw new UsageError('revoke needs the id of a key, like key_1m7w3skwphdzfc2xr3d2qc');
    return async (keys) => {
      const key = await keys.revoke(id);
      return { json: { key }, text: `${key.id} (${key.name}) is revoked.\n` };
    };
  }
  if (verb !== 'create')
    throw new UsageError(verb === undefined ? 'say create, list or revoke' : `there is no keys ${verb}; say create, list or revoke`);
  const wanted = readNewKey(values, now);
  return async (keys) => {
    const made = await keys.create(wanted);
    return { json: made, text: madeText(made) };
  };
}

/** Resolves to the exit code 0; throws a UsageError, or an error with what went wrong. */
export async function keysCommand(
  args: readonly string[],
  { env, terminal }: { env: NodeJS.ProcessEnv; terminal: Terminal },
): Promise<number> {
  const { positionals, values } = readArguments(args);
  const action = readAction(positionals, values, Date.now());
  const keys = openKeys(env, values.store === true);
  try {
    const { json, text } = await action(keys);
    terminal.write(values.json === true ? `${JSON.stringify(json, null, 2)}\n` : text);
    return 0;
  } finally {
    await keys.close();
  }
}
