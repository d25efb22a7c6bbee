/** Reading a policy as its author writes it: every problem at once, each with where it is. */
import { z } from 'zod';
import { ROLES } from './actor.ts';
import { pathText } from './issue.ts';
import { digestOf, isObject, type Json } from './json.ts';
import type { PolicyConsequence, PolicyInForce } from './policy.ts';
import { PLANNERS } from './task.ts';
import { RISKS } from './tool-contract.ts';
import { typeName } from './validation/reading.ts';

const MOST = { rules: 200, demands: 10, people: 20, patterns: 200 } as const;

/** What zod finds, in our words. */
const wordsFor: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type': {
      const { expected } = issue;
      const wanted =
        expected === 'int' ? 'a whole number' : expected === 'array' ? 'a list' : `${expected === 'object' ? 'an' : 'a'} ${expected}`;
      return issue.input === undefined ? `is missing; it must be ${wanted}` : `must be ${wanted}, got ${typeName(issue.input)}`;
    }
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      return issue.origin === 'array'
        ? 'must not be an empty list'
        : issue.origin === 'string'
          ? 'must not be empty'
          : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must ${issue.origin === 'array' ? 'have at most' : issue.origin === 'string' ? 'have at most' : 'be at most'} ${issue.maximum}${
        issue.origin === 'array' ? ' elements' : issue.origin === 'string' ? ' characters' : ''
      }`;
    default:
      return undefined;
  }
};

/** One, or a list of them; a list at the end. */
const listOf = <Item extends z.ZodType>(item: Item, most: number = MOST.patterns) =>
  z.unknown().transform((value, context): z.output<Item>[] => {
    const one = Array.isArray(value) ? z.array(item).min(1).max(most) : item;
    const parsed = one.safeParse(value, { error: wordsFor });
    if (!parsed.success) {
      for (const issue of parsed.error.issues) context.addIssue({ ...issue });
      return z.NEVER;
    }
    return (Array.isArray(value) ? parsed.data : [parsed.data]) as z.output<Item>[];
  });

const text = (length: number) => z.string().trim().min(1).max(length);

/** Patterns that some name can fit. */
const patterns = (what: string, characters: RegExp) =>
  listOf(
    z
      .string()
      .min(1)
      .max(MOST.patterns)
      .refine((pattern) => pattern === '' || characters.test(pattern), `no ${what} has such characters, so this fits nothing`),
  );

const toolPatterns = patterns('name of a tool', /^[A-Za-z0-9_.*-]+$/);
const actorPatterns = patterns('name of an actor', /^[^\s\p{Cc}]+$/u);
const secretPatterns = patterns('name of a secret', /^[A-Za-z0-9_.*-]+$/);

const range = (number: z.ZodNumber) =>
  z
    .strictObject({ min: number.min(0).optional(), max: number.min(0).optional() })
    .refine(({ min, max }) => min !== undefined || max !== undefined, 'must have `min`, `max` or both')
    .refine(({ min, max }) => min === undefined || max === undefined || min <= max, '`min` is above `max`: no number is between them');

const amounts = range(z.int());

const notEmpty = (value: object): boolean => Object.values(value).some((member) => member !== undefined);

const conditions = z.strictObject({
  risk: listOf(z.enum(RISKS)).optional(),
  effects: z
    .strictObject({ read: amounts.optional(), write: amounts.optional(), destructive: amounts.optional() })
    .refine(notEmpty, 'must have at least one of read, write, destructive')
    .optional(),
  tools: toolPatterns.optional(),
  onlyTools: toolPatterns.optional(),
  submitter: z
    .strictObject({ actors: actorPatterns.optional(), roles: listOf(z.enum(ROLES)).optional() })
    .refine(notEmpty, 'must have at least one of actors, roles')
    .optional(),
  steps: amounts.optional(),
  costUsd: range(z.number()).optional(),
  origin: listOf(z.enum(['manual', ...PLANNERS])).optional(),
  rewritten: z.boolean().optional(),
  secrets: secretPatterns.optional(),
});

const demand = z.strictObject({
  count: z.int().min(1).max(MOST.people),
  roles: listOf(z.enum(ROLES)).default([]),
  notSubmitter: z.boolean().default(false),
});

const THEN = '`auto`, {auto: always}, {approve: ...} or {deny: message}';

const consequence = z
  .preprocess(
    (value) => (value === 'auto' ? { auto: 'may' } : value),
    z.strictObject(
      { auto: z.enum(['may', 'always']).optional(), approve: listOf(demand, MOST.demands).optional(), deny: text(1_000).optional() },
      { error: ({ code }) => (code === 'invalid_type' ? `must be ${THEN}` : undefined) },
    ),
  )
  .refine((value) => Object.keys(value).length === 1, `must be exactly one of ${THEN}`)
  .transform((value) => value as PolicyConsequence);

const rule = z.strictObject({ name: text(100), when: conditions.default({}), then: consequence });

const policy = z.strictObject({ version: text(100).optional(), rules: z.array(rule).min(1).max(MOST.rules) });

export interface PolicyProblem {
  /** like `rules[0].when.risk` */
  path: string;
  /** it is about the key there, and not about its value */
  atKey: boolean;
  message: string;
}

const problemsOf = ({ issues }: z.ZodError): PolicyProblem[] =>
  issues.flatMap((issue): PolicyProblem[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: pathText([...issue.path, key]), atKey: true, message: 'there is no such field' }))
      : [{ path: pathText(issue.path), atKey: false, message: issue.message }],
  );

/** What is wrong between rules, whatever is wrong with one of them. */
function problemsBetween(document: Json): PolicyProblem[] {
  const rules = isObject(document) && Array.isArray(document.rules) ? document.rules.map((rule) => (isObject(rule) ? rule : {})) : [];
  const namesakes = rules.flatMap(({ name }, index) => {
    const first = rules.findIndex((other) => other.name === name);
    const message = `is the name of rules[${first}] already`;
    return typeof name === 'string' && first < index ? [{ path: `rules[${index}].name`, atKey: false, message }] : [];
  });
  const always = rules.findIndex(({ when = {} }) => isObject(when) && Object.keys(when).length === 0);
  if (always === -1 || always === rules.length - 1) return namesakes;
  const message = `is never looked at: rules[${always}] before it has no conditions, so it holds for every plan`;
  return [...namesakes, { path: `rules[${always + 1}]`, atKey: false, message }];
}

export type PolicyReading = { ok: true; policy: PolicyInForce } | { ok: false; problems: PolicyProblem[] };

/** Reads a policy. The problems are all there are. */
export async function readPolicy(document: Json): Promise<PolicyReading> {
  const parsed = policy.safeParse(document, { error: wordsFor });
  const problems = [...(parsed.success ? [] : problemsOf(parsed.error)), ...problemsBetween(document)];
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  const { version, rules } = parsed.data;
  return { ok: true, policy: { version: await digestOf(document), label: version ?? null, rules } };
}
