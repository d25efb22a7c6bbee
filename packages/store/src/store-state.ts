/**
 * Whether the store may be used, as this process knows it. `prepare` and the watch write it; calls and workers go by it.
 *
 * - **identity**: a random text that each shard gets when it is first prepared, in the key `store`. What is emptied, or
 *   replaced by another Redis, has lost it: then nothing that is asked has an answer, above all not "there is none".
 */
import { type Readiness, StoreReplacedError, StoreUnpreparedError } from './contract.ts';
import type { RedisFinding } from './redis-check.ts';

type NotReady = Extract<Readiness, { ready: false }>;

/** With these Redis refuses every write. */
const REFUSES_WRITES: ReadonlySet<RedisFinding['code']> = new Set(['replica', 'write_errors']);

/** What is told when the store turns out to be another one, and again when it is the right one. */
export type ReplacedHandler = (replaced: boolean) => void;

export class StoreState {
  /** why nothing may be asked of the store yet; null: it is prepared, or nobody asked for that */
  unprepared: NotReady | null = null;
  /** what was wrong with Redis when it was last looked at */
  findings: readonly RedisFinding[] = [];
  /** something was refused that Redis should not refuse, or the connection is a new one: it should be looked at again */
  inDoubt = false;
  #replaced: string | null = null;
  readonly #identities = new Map<string, string>();
  readonly #handlers = new Set<ReplacedHandler>();

  /** The identity of the shard with that prefix; undefined where it was not prepared. */
  identity(prefix: string): string | undefined {
    return this.#identities.get(prefix);
  }

  identified(prefix: string, identity: string): void {
    this.#identities.set(prefix, identity);
  }

  /** Why the store is not the one that this process began with; null: it is. */
  get replaced(): string | null {
    return this.#replaced;
  }

  setReplaced(reason: string | null): void {
    const changed = (reason === null) !== (this.#replaced === null);
    this.#replaced = reason;
    if (changed) for (const handler of this.#handlers) handler(reason !== null);
  }

  /** Calls `handler` with each change, and at once where the store is another one already. Call what it gives to hear no more. */
  onReplaced(handler: ReplacedHandler): () => void {
    this.#handlers.add(handler);
    if (this.#replaced !== null) handler(true);
    return () => void this.#handlers.delete(handler);
  }

  /** Throws where nothing may be asked of the store. */
  demandUsable(): void {
    if (this.#replaced !== null) throw new StoreReplacedError(this.#replaced);
    if (this.unprepared !== null) throw new StoreUnpreparedError(this.unprepared.reason);
  }

  /** Throws where a shard does not have the identity that it had. `there`: what it has, null or '' for none. */
  demandIdentity(prefix: string, there: string | null): void {
    const reason = this.difference(prefix, there);
    if (reason === null) return;
    this.inDoubt = true;
    throw new StoreReplacedError(reason);
  }

  /** What is wrong with the identity that a shard has; null: it is the right one, or none is known. */
  difference(prefix: string, there: string | null): string | null {
    const known = this.#identities.get(prefix);
    if (known === undefined || there === known) return null;
    const what = there === null || there === '' ? 'no store' : `the store ${there}`;
    return (
      `Redis holds ${what} under ${prefix}, and this process has worked with the store ${known}: Redis was emptied, or another one ` +
      'answers in its place; bring the right one back, or restart every service to go on with what is there now'
    );
  }

  /** Why calls can't be answered, as far as that is known without asking Redis; null: they can. */
  get notReady(): NotReady | null {
    if (this.#replaced !== null) return { ready: false, code: 'store_replaced', reason: this.#replaced };
    if (this.unprepared !== null) return this.unprepared;
    const finding = this.findings.find(({ code }) => REFUSES_WRITES.has(code));
    return finding === undefined ? null : { ready: false, code: 'store_unavailable', reason: finding.message };
  }
}
