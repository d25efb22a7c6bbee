/** A prepared store that looks at its Redis often, with what it says. */
import { openStore, type PrepareOptions, type Store } from '@countersign/store';
import { expect } from 'vitest';

/** ms between two looks: the watch's own interval is for people, not for tests */
const CHECK_EVERY_MS = 25;

export interface WatchedStore extends Store {
  /** what it has logged, as `error: Redis has ...`, behind the code in brackets */
  said: string[];
}

export interface WatchedOptions extends PrepareOptions {
  shards?: number;
  commandTimeoutMs?: number;
  signal?: AbortSignal;
}

/** Opens it, and gives it with the promise of its being prepared. */
export function openWatched(url: string, { shards, signal, commandTimeoutMs = 2_000, ...options }: WatchedOptions = {}) {
  const said: string[] = [];
  const say = (level: string) => (fields: object, message: string) => {
    const { code } = fields as { code?: string };
    said.push(`${level}${code === undefined ? '' : ` (${code})`}: ${message}`);
  };
  const logger = { info: say('info'), warn: say('warn'), error: say('error') };
  const store: WatchedStore = Object.assign(openStore({ redis: { url }, ...(shards && { shards }), commandTimeoutMs }), { said });
  const prepared = store.prepare(logger, signal ?? AbortSignal.timeout(30_000), { checkEveryMs: CHECK_EVERY_MS, ...options });
  return { store, prepared };
}

export async function prepareStore(url: string, options: WatchedOptions = {}): Promise<WatchedStore> {
  const { store, prepared } = openWatched(url, options);
  expect(await prepared).toEqual({ ok: true });
  return store;
}

export const codesOf = (store: Store): string[] => store.findings().map(({ code }) => code);
