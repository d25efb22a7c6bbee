// Finds the compose that is here, of either generation, and whether an engine answers.
import { spawnSync } from 'node:child_process';

const LIMIT_MS = 15_000;
/** The program's output, or null when it is not there or ended with an error. */
function ask(program, args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: LIMIT_MS });
  return status === 0 ? stdout.trim() : null;
}

/** `{command}`, such as `docker compose`; where there is none `{command: null, reason}`. */
export function findCompose() {
  if (ask('docker', ['version', '--format', '{{.Server.Version}}']) === null)
    return { command: null, reason: 'no Docker engine answers here' };
  if (ask('docker', ['compose', 'version']) !== null) return { command: 'docker compose' };
  if (ask('docker-compose', ['version']) !== null) return { command: 'docker-compose' };
  return { command: null, reason: 'there is neither `docker compose` nor `docker-compose`' };
}
