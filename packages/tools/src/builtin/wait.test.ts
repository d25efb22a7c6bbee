import type { JsonObject } from '@countersign/shared';
import { expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { wait } from './wait.ts';

test('says how long it waited', async () => expect(await runTool(wait, { ms: 5 })).toEqual({ waitedMs: expect.any(Number) }));

test('ends at once when the step is aborted', async () => {
  const controller = new AbortController();
  const waiting = runTool(wait, { ms: 3_600_000 }, { signal: controller.signal });
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
  await expect(runTool(wait, { ms: 3_600_000 }, { signal: controller.signal })).rejects.toMatchObject({ code: 'aborted' });
});

test.each<JsonObject>([{}, { ms: -1 }, { ms: 1.5 }, { ms: '5' }, { ms: 3_600_001 }, { ms: 5, extra: 1 }])('%j is refused', (input) =>
  expect(wait.check(input)).toMatchObject({ ok: false }),
);
