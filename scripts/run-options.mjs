/** Reads the arguments of a run as its settings: each `--name value` becomes `PREFIX_NAME` in its environment. */
import { parseArgs } from 'node:util';

/** The environment of the run, or what is wrong with the arguments, a line for each. `options`: names, with how each is checked. */
export function runOptions(args, { prefix, options }) {
  const problems = [];
  let values = {};
  try {
    const known = Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'string' }]));
    values = parseArgs({ args, options: known, allowPositionals: false }).values;
  } catch (error) {
    problems.push(
      `${error.message.split('. ')[0]}; there is ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(', ')}`,
    );
  }
  const env = {};
  for (const [name, { what, fits, otherwise }] of Object.entries(options)) {
    const text = values[name] ?? otherwise();
    if (values[name] !== undefined && !fits(text)) problems.push(`--${name} is ${JSON.stringify(text)}; it must be ${what}`);
    env[`${prefix}_${name.toUpperCase()}`] = text;
  }
  return { env, problems };
}
