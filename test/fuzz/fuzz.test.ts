import { test } from 'vitest';
import { fuzz } from './run.ts';
import { Stage } from './stage.ts';

test('x', async () => {
  const stage = await Stage.start();
  try {
    const seen = await fuzz(stage, {
      seed: Number(process.env.FUZZ_SEED ?? 1),
      requests: Number(process.env.FUZZ_REQUESTS ?? 500),
      log: console.log,
    });
    console.log(seen.sent, [...seen.statuses].sort(), seen.durationMs, seen.memory);
    console.log([...seen.operations].map(([id, s]) => `${id}: ${[...s].sort()}`).join('\n'));
    for (const p of seen.problems) console.log(p);
    for (const [n, s] of Object.entries(stage.services))
      for (const l of s.log())
        if (
          l.level === 'error' ||
          l.level === 'fatal' ||
          Number(l.level) >= 50 ||
          typeof l.level === 'undefined' ||
          /unhandled/i.test(JSON.stringify(l))
        )
          console.log(n, JSON.stringify(l).slice(0, 600));
  } finally {
    await stage.close();
  }
}, 600_000);
