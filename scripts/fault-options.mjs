/** What `npm run test:faults --` may be told, as settings of the run. */
import { runOptions } from './run-options.mjs';

const WHOLE = /^\d+$/;

/** Names of settings: how they are checked, and what they are when they are left out. */
const OPTIONS = {
  seed: { what: 'a whole number', fits: (text) => WHOLE.test(text), otherwise: () => String(Math.floor(Math.random() * 1_000_000)) },
  minutes: { what: 'a number above 0, like 10 or 0.5', fits: (text) => Number(text) > 0, otherwise: () => '10' },
  plans: { what: 'a whole number above 0', fits: (text) => WHOLE.test(text) && Number(text) > 0, otherwise: () => '1000000' },
  faults: { what: 'a whole number', fits: (text) => WHOLE.test(text), otherwise: () => '1000000' },
  fsync: { what: 'always, everysec or both', fits: (text) => ['always', 'everysec', 'both'].includes(text), otherwise: () => 'both' },
  kinds: { what: 'kinds of faults, comma-separated', fits: (text) => /^[a-z_]+(,[a-z_]+)*$/.test(text), otherwise: () => '' },
  executors: { what: 'a whole number above 0', fits: (text) => WHOLE.test(text) && Number(text) > 0, otherwise: () => '3' },
};

/** The environment of the run, or what is wrong with the arguments, a line for each. */
export const faultOptions = (args) => runOptions(args, { prefix: 'FAULTS', options: OPTIONS });
