import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { EXECUTOR_CONCURRENCY: '20' } });
});
afterAll(() => fleet?.close());

const PLANS = 40;
/** Three chains side by side, of steps that end at once: claims are on their way all the time. */
const steps = Array.from({ length: 90 }, (_, i) => ({ id: `s${i}`, tool: 'test.record', dependsOn: i < 3 ? [] : [`s${i - 3}`] }));

test('cancel in the middle of quick work: once it is answered, no step of the plan starts', async () => {
  const plans = await Promise.all(
    Array.from({ length: PLANS }, () => fleet.createPlan({ objective: 'be cancelled', steps, options: { maxParallelSteps: 3 } })),
  );
  await Promise.all(plans.map((plan) => fleet.approve(plan)));
  let underWay = 0;
  await Promise.all(
    plans.map(async ({ id }, number) => {
      await fleet.untilLedger(id, () => true, 1 + number);
      const { status } = await fleet.call('POST', `/v1/plans/${id}/cancel`, { body: {} });
      if (status !== 200) return;
      underWay++;
      // Where in the ledger the answer came: what is appended behind it happened after it.
      const answered = { what: 'answered', planId: id, stepId: '', attempt: 0, key: '', pid: process.pid };
      appendFileSync(fleet.ledgerFile, `${JSON.stringify(answered)}\n`);
      await fleet.until(id, 'cancelled');
    }),
  );
  expect(underWay, 'no cancel came in time to tell anything').toBeGreaterThan(0);
  for (const { id } of plans) {
    const lines: { what: string }[] = fleet.ledger(id);
    const answered = lines.findIndex(({ what }) => what === 'answered');
    if (answered !== -1) expect(lines.slice(answered).filter(({ what }) => what === 'start')).toEqual([]);
  }
});
