/** The `countersign` command. */
import { ConfigError, EXIT_CONFIG } from '@countersign/service';
import { demo } from './demo.ts';
import { Interruption, type InterruptionWatch, watchInterruptions } from './interruption.ts';
import { KEYS_USAGE, keysCommand } from './keys-command.ts';
import { POLICY_USAGE, policyCommand } from './policy-command.ts';
import { start } from './start.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { EXIT_USAGE, UsageError } from './usage-error.ts';

const USAGE = `Usage: countersign <command>

  demo [objective]   plans, asks for the countersignature, runs the plan, stops everything
  start              keeps the whole stack running on this machine
  keys               makes, lists and revokes API keys
  policy             tries a policy on plans
`;

interface Shell {
  /** the folder that the command was called in */
  root: string;
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  interruption: InterruptionWatch;
}

interface Command {
  usage: string;
  /** resolves to the exit code */
  run(args: readonly string[], shell: Shell): Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  demo: { usage: USAGE, run: (args, shell) => demo({ ...shell, objective: args.join(' ').trim() || undefined }) },
  start: { usage: USAGE, run: (_args, shell) => start(shell) },
  keys: { usage: KEYS_USAGE, run: keysCommand },
  policy: { usage: POLICY_USAGE, run: policyCommand },
};

/** Runs the command that the arguments name. Resolves to the exit code: 0, 1 when it failed, 64 when it was called wrongly. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const terminal = openTerminal(process.stdout, process.env);
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === undefined || name === '--help' || name === '-h') {
    terminal.write(USAGE);
    return name === undefined ? EXIT_USAGE : 0;
  }
  if (command === undefined) {
    process.stderr.write(`There is no command ${name}.\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (rest[0] === '--help' || rest[0] === '-h') {
    terminal.write(command.usage);
    return 0;
  }
  const interruption = watchInterruptions();
  // npm runs scripts in the package's folder and names the one it was called in.
  const shell = { root: process.env.INIT_CWD ?? process.cwd(), env: process.env, terminal, interruption };
  try {
    return await command.run(rest, shell);
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`\n${command.usage}`);
    return error instanceof UsageError ? EXIT_USAGE : error instanceof ConfigError ? EXIT_CONFIG : 1;
  } finally {
    interruption.stop();
  }
}
