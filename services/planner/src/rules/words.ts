/** The English that the rules know apart from the tools' own examples: as data, so that it can be read and added to. */

/** Words that carry no meaning for the choice of a tool. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a an the of in on at to from into onto for with by as is are how which what where be was were this that these those it them they all every both
   any some me my our us i we you your please just kindly can could would should will now there here whose who big large long
   many much do does did has have had and also named called using use via out up about over under within inside contain contains containing`.split(
    /\s+/,
  ),
);

/** A new stage: what follows waits for all that came before. Longer ones first. */
export const SEQUENCERS: readonly (readonly string[])[] = [
  ['once', 'that', 'is', 'done'],
  ['when', 'that', 'is', 'done'],
  ['after', 'that'],
  ['after', 'this'],
  ['then'],
  ['afterwards'],
  ['afterward'],
  ['finally'],
  ['lastly'],
  ['next'],
];

/** Possibly another clause of the same stage. Longer ones first. */
export const JOINERS: readonly (readonly string[])[] = [
  ['at', 'the', 'same', 'time'],
  ['as', 'well', 'as'],
  ['in', 'parallel'],
  ['meanwhile'],
  ['and'],
  ['plus'],
  ['also'],
  ['&'],
];

/** What a question asks for, as the meaning of the verb that an order would have. */
export const QUESTIONS: ReadonlyMap<string, string> = new Map([
  ['how', 'count'],
  ['which', 'which'],
  ['what', 'which'],
  ['where', 'search'],
]);

/** Words that say nothing at the start of a clause. */
export const FILLERS: ReadonlySet<string> = new Set(
  `please first also just kindly now both we i you us can could would to want need like let's lets hi hello hey thanks thank`.split(' '),
);
/** Words that say nothing at its end. */
export const COURTESIES: ReadonlySet<string> = new Set(['please', 'thanks']);

/** Words that turn or bend a sentence in a way that these rules would get wrong. */
export const BEYOND_THE_RULES: ReadonlySet<string> = new Set(
  `not don't dont doesn't never no without except unless if else otherwise until while whenever when each or either instead
   before because whether unlike excluding avoid skip`.split(/\s+/),
);

/** Words for what the last step gave. */
export const ONE_RESULT: ReadonlySet<string> = new Set(
  `it its this that result output outcome answer response content text body summary page`.split(/\s+/),
);
/** Words for what the last stage gave. */
export const STAGE_RESULTS: ReadonlySet<string> = new Set(
  `them these those their contents numbers counts lists list matches statistics stats totals`.split(/\s+/),
);
/** Words for what all earlier steps gave. */
export const ALL_RESULTS: ReadonlySet<string> = new Set(
  `results outputs outcomes answers responses findings everything both report`.split(/\s+/),
);
/** Those that mean nothing without an earlier step; the others may be just nouns. */
export const SURE_RESULTS: ReadonlySet<string> = new Set(
  `it its them their result output outcome results outputs outcomes everything both`.split(/\s+/),
);

/** Words for the place that the workspace is. */
export const WORKSPACE: ReadonlySet<string> = new Set(['repository', 'repo', 'project', 'workspace', 'codebase', 'here']);
export const PLACE_PREPOSITIONS: ReadonlySet<string> = new Set(['in', 'of', 'under', 'within', 'inside', 'from', 'through']);
export const FILE_NOUNS: ReadonlySet<string> = new Set(['file', 'files', 'document', 'documents']);
export const PLACE_NOUNS: ReadonlySet<string> = new Set(['folder', 'directory', 'dir', 'folders', 'directories']);

/** Each line is one meaning; its first word stands for all of them. */
const SYNONYMS: ReadonlyMap<string, string> = new Map(
  `list show enumerate display
   read open view cat
   write save store put export create
   search find grep look locate scan
   count measure tally size statistic stat
   fetch get download request call retrieve load
   post send
   wait pause sleep delay
   query compute calculate evaluate extract transform select filter sum sort
   render fill format
   check verify
   audit inspect review analyse analyze examine
   overwrite replace
   max most maximum limit top
   folder directory dir
   line row
   file document
   url link address webpage website page site
   second sec s
   generate summarise summarize draft`
    .split('\n')
    .flatMap((line) => {
      const [first = '', ...rest] = line.trim().split(/\s+/);
      return rest.map((word) => [stem(word), stem(first)] as const);
    }),
);

/** Words that say what kind of text is searched for, and are no part of it: "the word hello". */
export const TEXT_NOUNS: ReadonlySet<string> = new Set(['word', 'words', 'text', 'string', 'phrase', 'term', 'name']);

/** Words for how something is done, or what comes out, that follow "in" like a folder would. */
export const MANNERS: ReadonlySet<string> = new Set(
  `reverse detail full short general particular brief sequence turn order total parallel depth advance uppercase lowercase bold
   english german french spanish italian color colour bytes kilobytes megabytes seconds minutes hours days plain json yaml csv xml prose`.split(
    /\s+/,
  ),
);

/** Amounts in words. They count only before a unit of time: "a minute", "half an hour". Longer ones first. */
export const AMOUNTS: readonly (readonly [readonly string[], number])[] = [
  [['half', 'a'], 0.5],
  [['half', 'an'], 0.5],
  ...['a', 'an'].map((word) => [[word], 1] as const),
  ...'one two three four five six seven eight nine ten'.split(' ').map((word, index) => [[word], index + 1] as const),
];

/** What people call kinds of files, as a glob. Words are stems. */
export const FILE_KINDS: ReadonlyMap<string, string> = new Map([
  ['typescript', '**/*.{ts,tsx}'],
  ['ts', '**/*.{ts,tsx}'],
  ['javascript', '**/*.{js,jsx,mjs,cjs}'],
  ['js', '**/*.{js,jsx,mjs,cjs}'],
  ['python', '**/*.py'],
  ['markdown', '**/*.md'],
  ['md', '**/*.md'],
  ['json', '**/*.json'],
  ['yaml', '**/*.{yml,yaml}'],
  ['css', '**/*.css'],
  ['html', '**/*.html'],
  ['lua', '**/*.lua'],
  ['test', '**/*.test.*'],
]);

/** Milliseconds of a unit of time. */
export const UNITS: ReadonlyMap<string, number> = new Map([
  ...['ms', 'millisecond', 'milliseconds', 'msec'].map((unit) => [unit, 1] as const),
  ...['s', 'sec', 'secs', 'second', 'seconds'].map((unit) => [unit, 1_000] as const),
  ...['m', 'min', 'mins', 'minute', 'minutes'].map((unit) => [unit, 60_000] as const),
  ...['h', 'hour', 'hours'].map((unit) => [unit, 3_600_000] as const),
]);

/** Light stemming: plural, -ly, -ing, -ed. What comes out need not be a word, only the same for the forms of one. */
export function stem(word: string): string {
  let form = word.toLowerCase().replace(/[’']s$/, '');
  if (form.length > 4 && form.endsWith('ies')) form = `${form.slice(0, -3)}y`;
  else if (form.length > 5 && /(ches|shes|sses|xes)$/.test(form)) form = form.slice(0, -2);
  else if (form.length > 3 && form.endsWith('s') && !/(ss|us|is)$/.test(form)) form = form.slice(0, -1);
  if (form.length > 6 && form.endsWith('ly')) form = form.slice(0, -2);
  if (form.length > 5 && form.endsWith('ing')) form = form.slice(0, -3);
  else if (form.length > 4 && form.endsWith('ed')) form = form.slice(0, -2);
  if (form.length > 4 && form.endsWith('e')) form = form.slice(0, -1);
  return form;
}

/** The form under which a word is compared: its stem, or that of the word that stands for its meaning. */
export function meaning(word: string): string {
  const form = stem(word);
  return SYNONYMS.get(form) ?? form;
}

/** The words in an identifier like `maxMatches` or `fs.read_file`. */
export const wordsOfName = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());

/** The meaning of the word that a clause begins with: its verb, or what its question asks for. */
export function leadOf(words: readonly string[]): string | null {
  const [first] = words;
  const asked = first === undefined ? undefined : QUESTIONS.get(first);
  if (asked !== undefined) return asked;
  const verb = words.find((word) => !STOP_WORDS.has(word));
  return verb === undefined ? null : meaning(verb);
}
