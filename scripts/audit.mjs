// Known vulnerabilities of what runs in production, as the package registry says; accepted-advisories.json has those that are lived with.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What pnpm says where the registry cannot be reached, or gives no advisories. Anything else is an error. */
const NO_ANSWER = /ERR_PNPM_AUDIT_(ENDPOINT_NOT_EXISTS|BAD_RESPONSE)/;
const SEVERE = ['high', 'critical'];
/** No waiting for a network that is not there: the next run looks again. */
const PNPM = ['audit', '--prod', '--json', '--config.fetch-retries=0'];

function pnpm(cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn('pnpm', PNPM, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    for (const name of Object.keys(texts))
      child[name].setEncoding('utf8').on('data', (chunk) => {
        texts[name] += chunk;
      });
    child.on('error', reject);
    child.on('close', () => resolve(texts));
  });
}

/** The report; null where the registry gave none. Throws for every other answer. */
function readReport({ stdout, stderr }) {
  if (NO_ANSWER.test(stderr)) return null;
  try {
    const report = JSON.parse(stdout);
    if (typeof report.advisories === 'object' && typeof report.metadata?.vulnerabilities === 'object') return report;
  } catch {
    // It is no report then.
  }
  throw new Error(`pnpm audit gave no report: ${(stderr || stdout).trim().slice(0, 2_000)}`);
}

/** Advisory -> why it is lived with. */
export function readAccepted(path) {
  const accepted = JSON.parse(readFileSync(path, 'utf8'));
  const without = Object.entries(accepted).filter(([, reason]) => typeof reason !== 'string' || reason.trim() === '');
  if (without.length > 0) throw new Error(`${path}: ${without.map(([id]) => id).join(', ')} must have a reason, as text`);
  return accepted;
}

/** Looks through the packages of the lockfile in a folder. `code` is 1 where something severe is not accepted. */
export async function audit(cwd, accepted) {
  const report = readReport(await pnpm(cwd));
  if (report === null) return { code: 0, lines: ['skipped: the package registry cannot be reached, or gives no advisories'] };
  const advisories = Object.values(report.advisories);
  const idOf = (advisory) => advisory.github_advisory_id ?? String(advisory.id);
  const severe = advisories.filter(({ severity }) => SEVERE.includes(severity));
  const open = severe.filter((advisory) => !Object.hasOwn(accepted, idOf(advisory)));
  const lines = open.map(
    (advisory) =>
      `${advisory.severity}: ${advisory.module_name} ${advisory.vulnerable_versions}: ${advisory.title} (${idOf(advisory)}, ` +
      `by ${advisory.findings?.[0]?.paths?.[0] ?? 'a dependency'}); take a version that has it mended`,
  );
  const known = new Set(advisories.map(idOf));
  const past = Object.keys(accepted).filter((id) => !known.has(id));
  if (past.length > 0) lines.push(`accepted, but no longer reported, so take it out of the list: ${past.join(', ')}`);
  lines.push(
    `${open.length} severe, ${severe.length - open.length} accepted, ${advisories.length - severe.length} of lower severity, ` +
      `in ${report.metadata.totalDependencies} packages`,
  );
  return { code: open.length > 0 ? 1 : 0, lines };
}

/** The part of the gate: prints what there is to say. */
export async function auditPart(root) {
  const { code, lines } = await audit(root, readAccepted(join(root, 'scripts', 'accepted-advisories.json')));
  for (const line of lines) console.log(line);
  return code;
}
