/** A person's call on a plan: one script, carried out once. */
import type { PolicyDecision } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Accepted, Idempotency, Outcome } from './contract.ts';
import { callRecord, outcomeOf } from './outcome.ts';

export interface Decision {
  /** what is done, in a sentence like `you cannot VERB it` */
  verb: string;
  idempotency: Idempotency | undefined;
  args: (string | number)[];
  /** what policy decided, where the call brings it along */
  decision?: PolicyDecision | undefined;
  /** where the call is on a step */
  stepId?: string;
}

export type Decide = (script: string, planId: string, decision: Decision) => Promise<Outcome<Accepted>>;

export function decider(connection: StoreConnection): Decide {
  const { keys } = connection;
  return async (script, planId, { verb, idempotency, args, stepId, decision }) => {
    const call = callRecord(idempotency);
    const reply = await connection.run(script, {
      keys: [keys.plan(planId), keys.idempotency(call.hash)],
      id: planId,
      args: [...call.args, ...args],
    });
    return outcomeOf(reply, { id: planId, what: 'plan', verb, stepId, decision });
  };
}
