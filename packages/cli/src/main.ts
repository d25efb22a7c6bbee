/** The `countersign` command. */
import { ConfigError, EXIT_CONFIG } from '@countersign/service';
import { demo } from './demo.ts';
import { Interruption, watchInterruptions } from './interruption.ts';
import { start } from './start.ts';
import { openTerminal } from './terminal.ts';

const USAGE = `Usage: countersign <command>

  demo [objective]   plans, asks for the countersignature, runs the plan, stops everything
  start              keeps the whole stack running on this machine
`;
const EXIT_USAGE = 2;

/** Runs the command that the arguments name. Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const terminal = openTerminal(process.stdout, process.env);
  if (command === undefined || command === '--help' || command === '-h') {
    terminal.write(USAGE);
    return command === undefined ? EXIT_USAGE : 0;
  }
  if (command !== 'demo' && command !== 'start') {
    process.stderr.write(`There is no command ${command}.\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  const interruption = watchInterruptions();
  // npm runs scripts in the package's folder and names the one it was called in.
  const shell = { root: process.env.INIT_CWD ?? process.cwd(), env: process.env, terminal, interruption };
  try {
    return command === 'demo' ? await demo({ ...shell, objective: rest.join(' ').trim() || undefined }) : await start(shell);
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof ConfigError ? EXIT_CONFIG : 1;
  } finally {
    interruption.stop();
  }
}
