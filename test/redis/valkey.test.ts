/** The store on Valkey, under the user that the docs describe, with data of a former layout. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { openStore, startEmbeddedRedis } from '@countersign/store';
import { expect, test } from 'vitest';
import { makeDocumentedUser, refusedByRedis } from './documented-user.ts';
import { restoreFormerLayout } from './former-layout.ts';
import { runPlan } from './run-plan.ts';

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
const program = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'valkey-server'))
  .find(isProgram);
const skipped = program === undefined ? ' (skipped: there is no valkey-server on the PATH)' : '';

test.skipIf(program === undefined)(`Valkey carries a migration and a plan to their ends${skipped}`, async () => {
  const server = await startEmbeddedRedis({ ...(program !== undefined && { program }) });
  try {
    await restoreFormerLayout(server.url);
    const store = openStore({ redis: { url: await makeDocumentedUser(server) } });
    const said: string[] = [];
    const note = (_fields: object, message: string): number => said.push(message);
    expect(await store.prepare({ info: () => {}, warn: note, error: note }, AbortSignal.timeout(20_000))).toEqual({ ok: true });
    await runPlan(store);
    await store.close();
    expect(said).toEqual([]);
    expect(await refusedByRedis(server)).toEqual([]);
  } finally {
    await server.stop();
  }
});
