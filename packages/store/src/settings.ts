/** The settings by which a process finds its store. */
import { z } from 'zod';
import type { RedisTarget } from './redis-clients.ts';
import { nodeUrls, readRedisUrl } from './redis-url.ts';
import { belongTogether, certificateProblem, keyProblem, readText } from './tls-files.ts';

/** More would cost each process a connection for each of them and each queue, and gain nothing: a Redis has one thread. */
const MOST_SHARDS_SERVED = 64;

const redisUrl = z.string().superRefine((text, context) => {
  for (const url of nodeUrls(text)) {
    const reading = readRedisUrl(url);
    if (!reading.ok) context.addIssue({ code: 'custom', message: reading.problem });
  }
});

const checkedFile = (problemOf: (path: string) => string | null) =>
  z.string().superRefine((path, context) => {
    const problem = problemOf(path);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
const certificates = checkedFile(certificateProblem);
const privateKey = checkedFile(keyProblem);

const SENTINEL_PORT = 26_379;

interface Address {
  host: string;
  port: number;
}

/** Null: it is none. */
function readAddress(entry: string): Address | null {
  const url = URL.canParse(`redis://${entry}`) ? new URL(`redis://${entry}`) : null;
  if (url === null || url.hostname === '' || url.host !== entry) return null;
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? SENTINEL_PORT : Number(url.port) };
}

const entriesOf = (text: string): string[] => text.split(',').map((entry) => entry.trim());

const addresses = z.string().superRefine((text, context) => {
  for (const entry of entriesOf(text))
    if (readAddress(entry) === null)
      context.addIssue({ code: 'custom', message: `${JSON.stringify(entry)} is no address; must be host:port, comma-separated` });
});

const schema = z.object({
  /** of a cluster one or more of its nodes, comma-separated */
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  /** whether REDIS_URL names nodes of a Redis Cluster */
  REDIS_CLUSTER: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(false),
  /** how many shards tasks and plans are spread over; it may grow, and never shrink */
  SHARDS: z.coerce.number().int().min(1).max(MOST_SHARDS_SERVED).default(1),
  /** file with the certificates of those who may vouch for the server; absent: those that Node knows */
  REDIS_TLS_CA: certificates.optional(),
  /** files with the certificate that the server is shown, and its key */
  REDIS_TLS_CERT: certificates.optional(),
  REDIS_TLS_KEY: privateKey.optional(),
  /** where the Sentinels are; with them REDIS_URL gives user, password and encryption, and its host is not used */
  REDIS_SENTINELS: addresses.optional(),
  REDIS_SENTINEL_NAME: z.string().default('mymaster'),
  REDIS_SENTINEL_USERNAME: z.string().optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
});

export type StoreSettings = z.output<typeof schema>;

/** For the schema of every service. */
export const storeSettings = schema.shape;

const queueSchema = z.object({
  /** BullMQ's finished jobs that are kept of each queue: so many completed and as many failed ones */
  RETENTION_FINISHED_JOBS: z.coerce.number().int().min(0).max(1_000_000).default(1_000),
});

/** For the schema of every service that takes jobs. */
export const queueSettings = queueSchema.shape;

/** What no setting can tell alone. For the schema of every service, behind its object. */
export function checkStoreSettings(settings: StoreSettings, context: z.core.$RefinementCtx): void {
  const refuse = (name: keyof StoreSettings, message: string): void => context.addIssue({ code: 'custom', path: [name], message });
  const { REDIS_TLS_CERT: cert, REDIS_TLS_KEY: key } = settings;
  const [first = '', ...further] = nodeUrls(settings.REDIS_URL);
  const url = readRedisUrl(first);
  if (settings.REDIS_CLUSTER && url.ok && url.value.db !== 0) refuse('REDIS_URL', 'must name no database: a cluster has only one');
  if (!settings.REDIS_CLUSTER && further.length > 0) refuse('REDIS_URL', 'must name one server, unless REDIS_CLUSTER is true');
  if (settings.REDIS_CLUSTER && settings.REDIS_SENTINELS !== undefined)
    refuse('REDIS_SENTINELS', 'must not be set along with REDIS_CLUSTER: a cluster needs no Sentinels');
  const files = ['REDIS_TLS_CA', 'REDIS_TLS_CERT', 'REDIS_TLS_KEY'] as const;
  if (url.ok && !url.value.tls)
    for (const name of files)
      if (settings[name] !== undefined) refuse(name, 'is for encrypted connections; REDIS_URL must begin with rediss://');
  if (cert !== undefined && key === undefined) refuse('REDIS_TLS_KEY', 'must be set along with REDIS_TLS_CERT');
  if (key !== undefined && cert === undefined) refuse('REDIS_TLS_CERT', 'must be set along with REDIS_TLS_KEY');
  if (
    cert !== undefined &&
    key !== undefined &&
    certificateProblem(cert) === null &&
    keyProblem(key) === null &&
    !belongTogether(cert, key)
  )
    refuse('REDIS_TLS_KEY', 'must be the key of the certificate in REDIS_TLS_CERT');
  if (settings.REDIS_SENTINEL_USERNAME !== undefined && settings.REDIS_SENTINEL_PASSWORD === undefined)
    refuse('REDIS_SENTINEL_PASSWORD', 'must be set along with REDIS_SENTINEL_USERNAME');
  if (settings.REDIS_SENTINELS !== undefined) return;
  for (const name of ['REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'] as const)
    if (settings[name] !== undefined) refuse(name, 'is for Sentinels; REDIS_SENTINELS must say where they are');
  if (settings.REDIS_SENTINEL_NAME !== 'mymaster')
    refuse('REDIS_SENTINEL_NAME', 'is for Sentinels; REDIS_SENTINELS must say where they are');
}

const textOf = (path: string | undefined): string | undefined => (path === undefined ? undefined : readText(path));

/** What `openStore` needs to know of Redis. Reads the files that the settings name. */
export function redisFrom(settings: StoreSettings): RedisTarget {
  const sentinels = settings.REDIS_SENTINELS;
  return {
    url: settings.REDIS_URL,
    cluster: settings.REDIS_CLUSTER,
    tls: { ca: textOf(settings.REDIS_TLS_CA), cert: textOf(settings.REDIS_TLS_CERT), key: textOf(settings.REDIS_TLS_KEY) },
    sentinels:
      sentinels === undefined
        ? undefined
        : {
            addresses: entriesOf(sentinels).flatMap((entry) => readAddress(entry) ?? []),
            name: settings.REDIS_SENTINEL_NAME,
            username: settings.REDIS_SENTINEL_USERNAME,
            password: settings.REDIS_SENTINEL_PASSWORD,
          },
  };
}
