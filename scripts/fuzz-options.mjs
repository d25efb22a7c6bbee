/** What `npm run test:fuzz --` may be told, as settings of the run. */
import { runOptions } from './run-options.mjs';

const OPTIONS = {
  seed: { what: 'a whole number', fits: (text) => /^\d+$/.test(text), otherwise: () => String(Math.floor(Math.random() * 1_000_000)) },
  requests: { what: 'a whole number of at least 100', fits: (text) => /^\d+$/.test(text) && Number(text) >= 100, otherwise: () => '20000' },
};

/** The environment of the run, or what is wrong with the arguments, a line for each. */
export const fuzzOptions = (args) => runOptions(args, { prefix: 'FUZZ', options: OPTIONS });
