/** Puts the Lua commands together from `lua/` and BullMQ's scripts, and runs them by their digest. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { bullScript } from './bullmq-scripts.ts';
import type { RedisClient } from './redis-clients.ts';

const FOLDER = new URL('../lua/', import.meta.url);

export interface Script {
  readonly sha: string;
  readonly text: string;
}

const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

const BULL_SCRIPTS = ['addStandardJob', 'addPrioritizedJob', 'addDelayedJob', 'moveToFinished', 'extendLocks'] as const;

/** A whole script as a function of its keys and arguments, to be called by another one. */
const asFunction = (name: string, text: string): string => `local function ${name}(KEYS, ARGV)\n${text}\nend\n`;

/** Makes what composes scripts. Every start reads all of them, and each file once. */
function composer(): (name: string) => Script {
  const texts = new Map<string, string>();
  /** A file with its includes in place; what is included may include in its turn. */
  const included = (file: string): string => {
    const known = texts.get(file);
    if (known !== undefined) return known;
    const text = read(file).replace(/^--- include (\S+)$/gm, (_line, name: string) => included(`lib/${name}.lua`));
    texts.set(file, text);
    return text;
  };
  const ownText = (name: string): string =>
    included(`${name}.lua`).replace(/^--- function (\S+) (\S+)$/gm, (_line, as: string, command: string) =>
      asFunction(as, ownText(command)),
    );
  const ofBull = BULL_SCRIPTS.map((bull) => ({ call: `${bull}(`, text: asFunction(bull, bullScript(bull)) }));
  const sameStore = included('lib/same-store.lua');
  /** A script's text, above it the scripts of BullMQ that it calls, and first of all the look at which store it is. */
  const whole = (own: string): string => {
    const used = ofBull.filter(({ call }) => own.includes(call));
    return [sameStore, ...used.map(({ text }) => text), own].join('');
  };
  return (name) => {
    // Read now, so that all are of one release; the rest is for the few that a process calls.
    const own = ownText(name);
    let made: Script | undefined;
    const script = (): Script => {
      if (made === undefined) {
        const text = whole(own);
        made = { text, sha: createHash('sha1').update(text).digest('hex') };
      }
      return made;
    };
    return {
      get sha() {
        return script().sha;
      },
      get text() {
        return script().text;
      },
    };
  };
}

/** All commands by name. Throws when BullMQ isn't the version that they were built for. */
export function loadScripts(): ReadonlyMap<string, Script> {
  const scripts = new Map<string, Script>();
  const scriptOf = composer();
  for (const file of readdirSync(FOLDER)) {
    if (!file.endsWith('.lua')) continue;
    const name = file.slice(0, -'.lua'.length);
    scripts.set(name, scriptOf(name));
  }
  return scripts;
}

export type ScriptReply = (string | number)[];

/** Runs a command; sends its text only where the server doesn't know it (first use, after a restart). */
export async function runScript(
  redis: RedisClient,
  script: Script,
  { keys, args }: { keys: string[]; args: (string | number | Buffer)[] },
): Promise<ScriptReply> {
  try {
    return (await redis.evalsha(script.sha, keys.length, ...keys, ...args)) as ScriptReply;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return (await redis.eval(script.text, keys.length, ...keys, ...args)) as ScriptReply;
  }
}
