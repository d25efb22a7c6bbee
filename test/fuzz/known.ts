/** What answers have named so far: ids that lead somewhere, so that requests get past the first refusal. */
import type { Random } from '../random.ts';

const MOST = 150;
const IDS = {
  plan: /pln_[0-9a-z]{22}/g,
  task: /tsk_[0-9a-z]{22}/g,
  webhook: /whk_[0-9a-z]{22}/g,
  delivery: /whd_[0-9a-z]{22}/g,
  key: /key_[0-9a-z]{22}/g,
  digest: /sha256:[0-9a-f]{64}/g,
  event: /\b\d{13}-\d+\b/g,
} as const;
export type IdKind = keyof typeof IDS;
const NEVER: Record<IdKind, string> = {
  plan: 'pln_0000000000000000000000',
  task: 'tsk_0000000000000000000000',
  webhook: 'whk_0000000000000000000000',
  delivery: 'whd_0000000000000000000000',
  key: 'key_0000000000000000000000',
  digest: `sha256:${'0'.repeat(64)}`,
  event: '1-1',
};
/** Answers are long, and what they name first is what they are about. */
const READ_BYTES = 30_000;

export interface KnownPlan {
  id: string;
  digest: string;
  status: string;
  stepIds: readonly string[];
  /** those that wait for a person */
  gateIds: readonly string[];
}

interface PlanAnswer {
  id: string;
  digest: string;
  status: string;
  steps: { id: string; status: string }[];
}

export class Known {
  readonly #ids = new Map<IdKind, string[]>();
  readonly #plans = new Map<string, KnownPlan>();

  /** Reads the text of an answer; `body` where it is JSON. */
  learn(text: string, body: unknown): void {
    const read = text.slice(0, READ_BYTES);
    for (const [kind, pattern] of Object.entries(IDS) as [IdKind, RegExp][]) {
      const known = this.#ids.get(kind) ?? [];
      for (const [id] of read.matchAll(pattern)) if (!known.includes(id)) known.push(id);
      this.#ids.set(kind, known.slice(-MOST));
    }
    const plan = (body as { plan?: PlanAnswer } | null)?.plan;
    if (plan?.steps === undefined || typeof plan.id !== 'string') return;
    const gateIds = plan.steps.filter(({ status }) => status === 'awaiting_approval').map(({ id }) => id);
    const { id, digest, status } = plan;
    this.#plans.delete(id);
    this.#plans.set(id, { id, digest, status, stepIds: plan.steps.slice(0, 20).map((step) => step.id), gateIds });
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= MOST) break;
      this.#plans.delete(oldest);
    }
  }

  id(kind: IdKind, random: Random): string {
    const known = this.#ids.get(kind) ?? [];
    return known.length === 0 || random.chance(0.02) ? NEVER[kind] : random.pick(known);
  }

  /** One in a status that fits what is to be done, where there is one. */
  plan(random: Random, statuses: readonly string[] = []): KnownPlan {
    const all = [...this.#plans.values()];
    const fitting = all.filter(({ status, gateIds }) => statuses.includes(status) || (statuses.includes('gate') && gateIds.length > 0));
    const from = fitting.length > 0 && random.chance(0.9) ? fitting : all;
    return from.length === 0 ? { id: NEVER.plan, digest: NEVER.digest, status: '', stepIds: ['s0'], gateIds: [] } : random.pick(from);
  }
}
