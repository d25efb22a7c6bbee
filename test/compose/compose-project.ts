/** The stack of docker-compose.yml as a project of its own, with whichever generation of compose is there. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removeFolder } from '../remove-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const execute = promisify(execFile);

/** How compose is called here, as scripts/run.mjs found it. */
const COMPOSE = (process.env.COMPOSE_COMMAND ?? 'docker compose').split(' ');

export interface ContainerState {
  id: string;
  running: boolean;
  exitCode: number;
  /** null: the image has no health check */
  health: string | null;
  user: string;
}

/** Owns containers, networks, volumes, images and a folder; `remove` takes all of them away. */
export class ComposeProject {
  readonly name = `countersign-test-${randomBytes(4).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'countersign-compose-'));
  readonly #envFile = join(this.folder, 'env');
  readonly #env: Record<string, string | undefined>;

  /** `settings` stand in its .env file; nothing else of this process's environment reaches the services. */
  constructor(settings: Record<string, string>) {
    writeFileSync(
      this.#envFile,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const passed = Object.entries(process.env).filter(([name]) =>
      /^(PATH|HOME|DOCKER_\w+|COMPOSE_DOCKER_CLI_BUILD|BUILDKIT_\w+)$/.test(name),
    );
    this.#env = Object.fromEntries(passed);
  }

  async compose(...args: string[]): Promise<string> {
    const [program = '', ...first] = COMPOSE;
    return this.#run(program, [...first, '--project-name', this.name, '--env-file', this.#envFile, ...args]);
  }

  /** One of the project's scripts that take the compose to use from COMPOSE. */
  script(path: string, ...args: string[]): Promise<string> {
    const COMPOSE_HERE = [...COMPOSE, '--project-name', this.name, '--env-file', this.#envFile].join(' ');
    return this.#run(join(ROOT, path), args, { COMPOSE: COMPOSE_HERE });
  }

  docker(...args: string[]): Promise<string> {
    return this.#run('docker', args);
  }

  async #run(program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
    const { stdout } = await execute(program, args, { cwd: ROOT, env: { ...this.#env, ...env }, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  }

  /** The containers of a service, by their ids. */
  async containers(service: string): Promise<string[]> {
    return (await this.compose('ps', '-q', service)).split('\n').filter((id) => id !== '');
  }

  async state(id: string): Promise<ContainerState> {
    const [container] = JSON.parse(await this.docker('inspect', id));
    const { State, Config } = container;
    return { id, running: State.Running, exitCode: State.ExitCode, health: State.Health?.Status ?? null, user: Config.User };
  }

  /** SIGTERM, and the exit code. */
  async stop(id: string): Promise<number> {
    await this.docker('stop', '--time', '60', id);
    return (await this.state(id)).exitCode;
  }

  async remove(): Promise<void> {
    try {
      await this.compose('down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '5');
    } finally {
      removeFolder(this.folder);
    }
  }
}
