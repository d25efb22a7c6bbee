import { stat } from 'node:fs/promises';
import { byteLength, isObject, type Json, LIMITS } from '@countersign/shared';
import { z } from 'zod';
import { type CapturedOutput, capturedOutput } from '../captured-output.ts';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, isPending, named, quoted, textOf } from '../effect-words.ts';
import { placeToWrite, refuseExisting, type WrittenFile, writeWhole } from '../file-writing.ts';
import { type CommandEnd, runCommand } from '../run-command.ts';
import { maskedArguments } from '../secret-words.ts';
import type { ShellCommands } from '../shell-commands.ts';
import { variableProblem } from '../shell-environment.ts';
import { type Tool, ToolError, throwIfAborted } from '../tool.ts';
import { errorCode, fileError, locate, type Place, type Workspace } from '../workspace.ts';

const MAX_OUTPUT_BYTES = 200_000;
const MAX_FILE_BYTES = 100_000_000;
/** characters of what a failed command wrote that its error shows */
const MAX_ERROR_LENGTH = 2_000;

const withoutZero = (text: string): boolean => !text.includes('\0');

const inputOf = (names: readonly [string, ...string[]]) =>
  z.strictObject({
    command: z.enum(names),
    args: z
      .array(z.string().max(100_000).refine(withoutZero, "must not hold a zero byte, which no program's argument can"))
      .max(1_000)
      .default([])
      .describe('One element for each argument. No shell reads them: no quotes, no `*`, no `|`, no variables.'),
    cwd: z.string().min(1).max(4_096).default('.').describe('The folder of the workspace that it runs in.'),
    stdin: z.string().max(1_000_000).default(''),
    env: z
      .record(z.string(), z.string())
      .default({})
      .superRefine((variables, context) => {
        for (const [name, value] of Object.entries(variables)) {
          const problem = variableProblem(name, value);
          if (problem !== null) context.addIssue({ code: 'custom', path: [name], message: problem });
        }
      })
      .describe("Variables besides PATH, HOME (an empty folder), LANG and TZ. The executor's own are not passed on."),
    okExitCodes: z.array(z.int().min(0).max(255)).min(1).max(256).default([0]).describe('Any other exit code fails the step.'),
    maxOutputBytes: z
      .int()
      .min(1)
      .max(MAX_OUTPUT_BYTES)
      .default(100_000)
      .describe('Of stdout and of stderr, each. Of more, beginning and end are kept.'),
    saveTo: z.string().min(1).max(4_096).optional().describe('A file of the workspace that stdout goes into, as it comes.'),
    overwrite: z.boolean().default(false).describe('Whether `saveTo` may replace a file.'),
  });

type Input = z.output<ReturnType<typeof inputOf>>;

async function folderAt(workspace: Workspace, path: string): Promise<Place> {
  const place = await locate(workspace, path);
  try {
    if ((await stat(place.absolute)).isDirectory()) return place;
  } catch (error) {
    throw fileError(error, path);
  }
  throw new ToolError('invalid_input', `cwd: ${JSON.stringify(path)} is a file, not a folder`);
}

const readAll =
  (output: CapturedOutput) =>
  async (pieces: AsyncIterable<Buffer>): Promise<void> => {
    try {
      for await (const piece of pieces) output.add(piece);
    } catch (error) {
      // Cut off, because something that can't be ended holds it open: what has come is what there is.
      if (errorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  };

function failure({ command, okExitCodes }: Input, { exitCode, signal }: CommandEnd, written: readonly CapturedOutput[]): ToolError | null {
  if (exitCode !== null && okExitCodes.includes(exitCode)) return null;
  const how = exitCode === null ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  const said = written.map((output) => output.text().text.trim()).find((text) => text !== '') ?? '';
  const end = said.length > MAX_ERROR_LENGTH ? `...${said.slice(-MAX_ERROR_LENGTH)}` : said;
  return new ToolError('tool_error', `\`${command}\` ${how}${end === '' ? '' : `: ${end}`}`, { retryable: false });
}

/** Both texts, so that they and the rest fit into an output: JSON writes some characters with up to six bytes. */
function textsWithin(outputs: { stdout: CapturedOutput; stderr: CapturedOutput }, limit: number) {
  for (let most = limit; ; most = Math.floor(most / 2)) {
    const [stdout, stderr] = [outputs.stdout.text(most), outputs.stderr.text(most)];
    const texts = { stdout: stdout.text, stderr: stderr.text, truncated: stdout.truncated || stderr.truncated };
    if (byteLength(JSON.stringify(texts)) <= LIMITS.outputBytes - 10_000) return texts;
  }
}

/** What can't be taken for anything else; every other argument is shown in quotes. */
const PLAIN_ARGUMENT = /^[A-Za-z0-9_./:=@%+,-]+$/;
const MAX_ARGUMENT = 60;
const MAX_SHOWN = 110;

const argumentWords = (argument: string): string =>
  PLAIN_ARGUMENT.test(argument) && argument.length <= MAX_ARGUMENT ? argument : quoted(argument, MAX_ARGUMENT);

function commandWords(command: string, args: readonly string[]): string {
  let words = command;
  for (const [at, argument] of args.entries()) {
    const longer = `${words} ${argumentWords(argument)}`;
    if (longer.length > MAX_SHOWN) return `${words} ... and ${counted(args.length - at, 'more argument')}`;
    words = longer;
  }
  return words;
}

const effects = effectsOr('runs a program', ({ command, args = [], cwd, stdin, env, saveTo }) => {
  const name = textOf(command);
  if (name === null) return 'runs a program';
  const known = Array.isArray(args) && args.every((argument) => typeof argument === 'string');
  const shown = known
    ? commandWords(named(name, 40), maskedArguments(args as string[]))
    : `${named(name, 40)} with what earlier steps give`;
  const folder = cwd === undefined || cwd === '.' ? '' : ` (in ${named(textOf(cwd) ?? 'a folder that earlier steps give', 30)})`;
  const input =
    stdin === undefined || stdin === ''
      ? ''
      : isPending(stdin) || typeof stdin !== 'string'
        ? ', given a text'
        : `, given ${counted(stdin.length, 'character')}`;
  const variables = isObject(env) ? Object.keys(env as Record<string, Json>).length : 0;
  const saved = saveTo === undefined ? '' : `, output to ${named(textOf(saveTo) ?? 'a file', 40)}`;
  return `runs: ${shown}${folder}${input}${variables === 0 ? '' : `, ${counted(variables, 'variable')} set`}${saved}`;
});

/** There only where an operator allows commands. Nothing confines them but the executor's own rights. */
export function shellRun(workspace: Workspace, commands: ShellCommands): Tool {
  // In order, whatever the order of the setting: all executors must have the same contract.
  const names = Object.keys(commands).sort() as [string, ...string[]];
  return defineTool({
    name: 'shell.run',
    description:
      `Runs one of the programs that the operator allows (${names.join(', ')}) with a list of arguments, without a shell, in a folder of the workspace. ` +
      'Gives {exitCode, signal, stdout, stderr, truncated, durationMs}. An exit code that is not in `okExitCodes` fails the step with the end of stderr. ' +
      'Of long output beginning and end are kept, and `truncated` says so; with `saveTo` stdout goes into a file, at most 100 MB, and the output has `file` {path, bytes, sha256}. ' +
      'Nothing that the program starts goes on after the step.',
    risk: 'destructive',
    idempotent: false,
    timeoutMs: 120_000,
    input: inputOf(names),
    output: z.object({
      exitCode: z.int().nullable(),
      signal: z.string().nullable(),
      stdout: z.string(),
      stderr: z.string(),
      truncated: z.boolean(),
      durationMs: z.int(),
      file: z.object({ path: z.string(), bytes: z.int(), sha256: z.string() }).optional(),
    }),
    examples: [
      { text: `run ${names[0]}`, input: { command: names[0] } },
      { text: `run the command ${names[0]} with --version`, input: { command: names[0], args: ['--version'] } },
      { text: `execute ${names[0]} in the folder docs`, input: { command: names[0], cwd: 'docs' } },
    ],
    effects,
    async run(input, ctx) {
      throwIfAborted(ctx.signal);
      const { command, args, env, stdin, saveTo, overwrite, maxOutputBytes } = input;
      const folder = await folderAt(workspace, input.cwd);
      const target = saveTo === undefined ? null : await placeToWrite(workspace, saveTo);
      if (target !== null && !overwrite) await refuseExisting(target);
      const [stdout, stderr] = [capturedOutput(maxOutputBytes), capturedOutput(maxOutputBytes)];
      let file: WrittenFile | undefined;
      const startedAt = performance.now();
      const end = await runCommand({
        program: commands[command] as string,
        name: command,
        args,
        cwd: folder.absolute,
        env,
        stdin,
        signal: ctx.signal,
        readStderr: readAll(stderr),
        async readStdout(pieces, ended) {
          if (target === null) return readAll(stdout)(pieces);
          const wanted = async function* (): AsyncGenerator<Buffer> {
            yield* pieces;
            // The output of a command that failed is no file that anybody asked for.
            const problem = failure(input, await ended, [stderr]);
            if (problem !== null) throw problem;
          };
          file = await writeWhole(target, wanted(), { overwrite, signal: ctx.signal, maxBytes: MAX_FILE_BYTES });
        },
      });
      const problem = failure(input, end, [stderr, stdout]);
      if (problem !== null) throw problem;
      const durationMs = Math.round(performance.now() - startedAt);
      return { ...end, ...textsWithin({ stdout, stderr }, maxOutputBytes), durationMs, ...(file === undefined ? {} : { file }) };
    },
  });
}
