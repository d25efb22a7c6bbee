import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
// @ts-expect-error: a script without types
import { audit, readAccepted } from './audit.mjs';

const LOCKFILE = `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      ms:
        specifier: 2.1.3
        version: 2.1.3
packages:
  ms@2.1.3:
    resolution: {integrity: sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA==}
snapshots:
  ms@2.1.3: {}
`;

interface Audited {
  code: number;
  lines: string[];
}

/** What the registry knows of the package, as its endpoint gives it. */
const advisory = (severity: string) => ({
  id: 7,
  url: 'https://advisories.example/GHSA-aaaa-bbbb-cccc',
  title: 'a pattern that takes long',
  severity,
  vulnerable_versions: '<2.1.4',
});

let folder: string;
let registry: Server;
let answer: { status: number; body: unknown };
beforeEach(async () => {
  vi.stubEnv('NO_PROXY', '127.0.0.1');
  answer = { status: 200, body: {} };
  registry = createServer((request, response) => {
    request.resume();
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer.body));
  }).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  folder = mkdtempSync(join(tmpdir(), 'audit-'));
  writeFileSync(join(folder, '.npmrc'), `registry=http://127.0.0.1:${(registry.address() as AddressInfo).port}/\n`);
  writeFileSync(join(folder, 'package.json'), '{"name": "audited", "private": true, "dependencies": {"ms": "2.1.3"}}');
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'pmOnFail: ignore\n');
  writeFileSync(join(folder, 'pnpm-lock.yaml'), LOCKFILE);
});
afterEach(() => {
  vi.unstubAllEnvs();
  registry.closeAllConnections();
  registry.close();
  rmSync(folder, { recursive: true });
});
const run = (accepted: Record<string, string> = {}): Promise<Audited> => audit(folder, accepted);

test('no advisory: the part is green, and says how much was looked at', async () => {
  expect(await run()).toEqual({ code: 0, lines: ['0 severe, 0 accepted, 0 of lower severity, in 1 packages'] });
});

test.each(['high', 'critical'])('an advisory of severity %s fails the part, and says of what and by what', async (severity) => {
  answer.body = { ms: [advisory(severity)] };
  const { code, lines } = await run();
  expect(code).toBe(1);
  expect(lines[0]).toBe(
    `${severity}: ms <2.1.4: a pattern that takes long (GHSA-aaaa-bbbb-cccc, by .>ms); take a version that has it mended`,
  );
});

test('an advisory of lower severity is counted', async () => {
  answer.body = { ms: [advisory('moderate')] };
  expect(await run()).toEqual({ code: 0, lines: ['0 severe, 0 accepted, 1 of lower severity, in 1 packages'] });
});

test('what is accepted with a reason does not fail the part, and is named once it is of the past', async () => {
  const accepted = { 'GHSA-aaaa-bbbb-cccc': 'the pattern is never given a text from outside' };
  answer.body = { ms: [advisory('high')] };
  expect(await run(accepted)).toEqual({ code: 0, lines: ['0 severe, 1 accepted, 0 of lower severity, in 1 packages'] });
  answer.body = {};
  expect((await run(accepted)).lines[0]).toContain('no longer reported, so take it out of the list: GHSA-aaaa-bbbb-cccc');
});

test.each([404, 405, 500, 503])('a registry that answers %i gives no advisories: skipped with one line', async (status) => {
  answer.status = status;
  expect(await run()).toEqual({ code: 0, lines: ['skipped: the package registry cannot be reached, or gives no advisories'] });
});

test('without a network it is skipped with the same line', async () => {
  registry.close();
  await once(registry, 'close');
  expect(await run()).toEqual({ code: 0, lines: ['skipped: the package registry cannot be reached, or gives no advisories'] });
  registry = createServer();
});

test('what is wrong here, such as a lockfile that is gone, is no reason to skip', async () => {
  rmSync(join(folder, 'pnpm-lock.yaml'));
  await expect(run()).rejects.toThrow('pnpm audit gave no report');
});

test('an accepted advisory without a reason is refused', () => {
  const path = join(folder, 'accepted.json');
  writeFileSync(path, '{"GHSA-1": "", "GHSA-2": "it is"}');
  expect(() => readAccepted(path)).toThrow('GHSA-1 must have a reason');
});
