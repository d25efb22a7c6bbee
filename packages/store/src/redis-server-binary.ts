/** Finds a Redis server program on this machine, or installs one where that can be done without asking. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROGRAMS = ['redis-server', 'valkey-server'] as const;
const POLICY_FILE = '/usr/sbin/policy-rc.d';

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** The full path of `redis-server` or `valkey-server` in a PATH-like list of folders; null when there is neither. */
export function findRedisServer(path: string): string | null {
  for (const program of PROGRAMS)
    for (const folder of path.split(delimiter)) {
      const candidate = join(folder, program);
      if (folder !== '' && isExecutable(candidate)) return candidate;
    }
  return null;
}

/** Whether packages can be installed here without a password or a question: root on Debian, Ubuntu or a relative of theirs. */
function canInstall(path: string): boolean {
  if (process.getuid?.() !== 0 || !path.split(delimiter).some((folder) => isExecutable(join(folder, 'apt-get')))) return false;
  try {
    return /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

const aptGet = (args: readonly string[]): Promise<{ ok: boolean; output: string }> =>
  new Promise((resolve) => {
    const child = spawn('apt-get', args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });

async function installByApt(): Promise<string | null> {
  // Without a policy the package would start a system-wide Redis on port 6379, which nobody asked for.
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const install = ['install', '-y', '-q', '--no-install-recommends', 'redis-server'];
    if ((await aptGet(install)).ok) return null;
    const update = await aptGet(['update', '-q']);
    if (!update.ok) return update.output;
    const second = await aptGet(install);
    return second.ok ? null : second.output;
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE, { force: true });
  }
}

const ADVICE = 'install Redis 6.2 or newer (for instance `apt-get install redis-server` or `brew install redis`) or set REDIS_URL';

/**
 * The path of a Redis server program. As root on Debian or Ubuntu it is installed when missing, which `log` is told
 * about. Throws an Error with one line that says what to do when there is none.
 */
export async function requireRedisServer(log: (line: string) => void, path: string = process.env.PATH ?? ''): Promise<string> {
  const found = findRedisServer(path);
  if (found !== null) return found;
  if (!canInstall(path)) throw new Error(`there is no redis-server or valkey-server on the PATH; ${ADVICE}`);
  log('There is no redis-server here: installing it with apt-get, without starting a system service');
  const failure = await installByApt();
  const installed = findRedisServer(path);
  if (installed !== null) return installed;
  const reason = failure?.trim().split('\n').at(-1);
  throw new Error(`apt-get could not install redis-server${reason ? ` (${reason})` : ''}; ${ADVICE}`);
}
