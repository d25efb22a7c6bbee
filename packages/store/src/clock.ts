/** What deadlines do: an index of what is due, and one script for each kind of it. */
import type { StoreConnection } from './connection.ts';
import type { Clock, Due } from './contract.ts';

const PAGE = 100;

const KINDS: Readonly<Record<string, { script: string; what: Due['what'] }>> = {
  start: { script: 'start-plan', what: 'plan_started' },
  expire: { script: 'expire-plan', what: 'plan_expired' },
  stop: { script: 'time-out-plan', what: 'plan_timed_out' },
  gate: { script: 'expire-gate', what: 'gate_expired' },
};

export function clockDuties(connection: StoreConnection): Clock {
  const { keys } = connection;

  const carryOut = async (member: string): Promise<Due | null> => {
    const [kind = '', planId = '', stepId] = member.split(':');
    const known = KINDS[kind];
    // Of a newer version: left to the executors that know it.
    if (known === undefined) return null;
    const [word] = await connection.run(known.script, {
      keys: [keys.plan(planId)],
      id: planId,
      args: stepId === undefined ? [] : [stepId],
    });
    return word === 'ok' ? { what: known.what, planId, stepId: stepId ?? null } : null;
  };

  return {
    async *runDue() {
      // Each script takes its entry out of the index, so that a page that comes again is news.
      const seen = new Set<string>();
      for (;;) {
        const due = (await connection.run('read-due', { keys: [keys.due], id: '', args: [PAGE] })).map(String);
        const fresh = due.filter((member) => !seen.has(member));
        for (const member of fresh) {
          seen.add(member);
          const done = await carryOut(member);
          if (done !== null) yield done;
        }
        if (due.length < PAGE || fresh.length === 0) return;
      }
    },
  };
}
