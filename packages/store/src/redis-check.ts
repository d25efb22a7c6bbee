/** Looks at a Redis before anything is entrusted to it: what it would lose or refuse later is said at the start. */
import type { StoreFindingCode } from '@countersign/shared';
import type { Redis } from 'ioredis';

/**
 * How severe: `refuse` means that plans would be lost or scripts fail; `warn` that they may be; `wait` that nothing can be
 * written for now, and that it may come right without anybody changing how Redis is set up.
 */
export interface RedisFinding {
  severity: 'refuse' | 'wait' | 'warn';
  /** the setting that has to be changed, where it is another one than REDIS_URL */
  setting?: 'REDIS_CLUSTER' | 'SHARDS';
  code: Exclude<StoreFindingCode, 'replaced'> | 'credentials' | 'encryption' | 'cluster' | 'shards';
  /** what was found and what would be right, for a person */
  message: string;
}

export interface RedisCheck {
  /** false: the service must not start on this Redis */
  ok: boolean;
  /** null where INFO can't be read */
  version: string | null;
  /** whether it is a node of a Redis Cluster */
  cluster: boolean;
  findings: RedisFinding[];
  /** the messages of those that refuse, each behind its setting */
  refusals: string[];
}

export interface RedisCheckLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const MINIMUM_VERSION = [6, 2] as const;
/** the part of its maxmemory from which on it is said that Redis is nearly full */
const NEARLY_FULL = 0.9;

/** The fields of INFO's text. */
export function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1]);
};

const unreadable = (what: string): RedisFinding => ({
  severity: 'warn',
  code: 'unreadable',
  message: `Redis does not let ${what} be read; make sure that it is 6.2 or newer, with maxmemory-policy noeviction and appendonly yes`,
});

/** What findings come to. */
export const judged = (findings: RedisFinding[], { version, cluster }: Pick<RedisCheck, 'version' | 'cluster'>): RedisCheck => {
  const refusals = findings
    .filter(({ severity }) => severity === 'refuse')
    .map(({ setting = 'REDIS_URL', message }) => `${setting}: ${message}`);
  return { ok: refusals.length === 0, version, cluster, findings, refusals };
};

/** What Redis said instead of giving its INFO. Null: that says nothing about how it is set up. */
function judgeRefusal(error: unknown): RedisCheck | null {
  const said = error instanceof Error ? error.message : '';
  const unknown = { version: null, cluster: false };
  if (/NOPERM|unknown command/i.test(said)) return judged([unreadable('INFO')], unknown);
  const [, word] = /^(WRONGPASS|NOAUTH)\b/.exec(said) ?? [];
  if (word === undefined) return null;
  const message = `Redis does not accept the user and password of REDIS_URL (${word}); write redis://<user>:<password>@<host>:<port>`;
  return judged([{ severity: 'refuse', code: 'credentials', message }], unknown);
}

/** What the text of INFO says of a Redis. */
export function judgeRedis(info: string): RedisCheck {
  const fields = parseInfo(info);
  const findings: RedisFinding[] = [];
  const version = fields.get('redis_version') ?? null;
  if (version === null) findings.push(unreadable('its version'));
  else if (isTooOld(version))
    findings.push({ severity: 'refuse', code: 'version', message: `Redis is ${version}; Countersign needs 6.2 or newer` });

  const policy = fields.get('maxmemory_policy');
  if (policy === undefined) findings.push(unreadable('its maxmemory-policy'));
  else if (policy !== 'noeviction')
    findings.push({
      severity: 'refuse',
      code: 'eviction',
      message: `Redis has maxmemory-policy ${policy}: it would drop plans when memory runs short; set maxmemory-policy noeviction`,
    });

  const persistent = fields.get('aof_enabled');
  if (persistent === undefined) findings.push(unreadable('whether it persists'));
  else if (persistent !== '1')
    findings.push({
      severity: 'warn',
      code: 'persistence',
      message: 'Redis has appendonly no: PLANS AND APPROVALS ARE LOST when it restarts; set appendonly yes and appendfsync everysec',
    });

  if (persistent === '1' && (fields.get('aof_last_write_status') ?? 'ok') !== 'ok')
    findings.push({
      severity: 'wait',
      code: 'write_errors',
      message:
        'Redis cannot write its append-only file and refuses every change until it can; its log says why, mostly the disk is full: make room',
    });

  const limit = Number(fields.get('maxmemory') ?? 0);
  if (limit > 0 && Number(fields.get('used_memory') ?? 0) >= NEARLY_FULL * limit)
    findings.push({
      severity: 'warn',
      code: 'memory',
      message: `Redis uses more than ${NEARLY_FULL * 100} % of its maxmemory (${limit} bytes), and refuses changes when all is used: raise maxmemory, or have retention keep less`,
    });

  if (fields.get('role') === 'slave')
    findings.push({
      severity: 'refuse',
      code: 'replica',
      message: `Redis is a read-only replica of ${fields.get('master_host') ?? 'another'}; point REDIS_URL at the primary`,
    });

  return judged(findings, { version, cluster: fields.get('cluster_enabled') === '1' });
}

export function sayFinding({ severity, code, message }: RedisFinding, logger: RedisCheckLogger): void {
  if (severity === 'warn') logger.warn({ code }, message);
  else logger.error({ code }, message);
}

/** Logs each finding. */
export function sayFindings({ findings }: RedisCheck, logger: RedisCheckLogger): void {
  for (const finding of findings) sayFinding(finding, logger);
}

/** What one server says of itself. Throws what ioredis throws when it can't be reached. */
export async function lookAtServer(redis: Redis): Promise<RedisCheck> {
  try {
    return judgeRedis(await redis.info());
  } catch (error) {
    const refused = judgeRefusal(error);
    if (refused === null) throw error;
    return refused;
  }
}

/**
 * Checks version (6.2 or newer), eviction (noeviction), persistence (append-only file), memory and role, and logs each finding.
 * All of it stands in INFO, so it works where CONFIG is forbidden. Throws what ioredis throws when Redis can't be reached.
 */
export async function checkRedis(redis: Redis, logger: RedisCheckLogger): Promise<RedisCheck> {
  const check = await lookAtServer(redis);
  sayFindings(check, logger);
  return check;
}
