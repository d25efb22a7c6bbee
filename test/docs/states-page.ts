/** docs/states.md: the lifecycles, from the tables that the code runs by. */
import {
  ENDED_PLAN_STATUSES,
  ENDED_STEP_STATUSES,
  ENDED_TASK_STATUSES,
  PLAN_STATUSES,
  PLAN_TRANSITIONS,
  STEP_STATUSES,
  STEP_TRANSITIONS,
  TASK_STATUSES,
  TASK_TRANSITIONS,
  type Transition,
} from '@countersign/shared';
import { markdownTable } from './markdown-table.ts';

interface Lifecycle<Status extends string> {
  title: string;
  intro: string;
  statuses: readonly Status[];
  ended: readonly Status[];
  transitions: readonly Transition<Status>[];
  meanings: Record<Status, string>;
}

const code = (text: string): string => `\`${text}\``;

/** Two verbs between the same statuses share one arrow: Mermaid would draw them on top of each other. */
function arrows<Status extends string>({ transitions, statuses }: Lifecycle<Status>): string[] {
  const verbs = new Map<string, string[]>();
  for (const { verb, from, to } of transitions)
    for (const status of statuses.filter((each) => from.includes(each))) {
      const arrow = `${status} --> ${to}`;
      verbs.set(arrow, [...(verbs.get(arrow) ?? []), verb]);
    }
  return [...verbs].map(([arrow, names]) => `  ${arrow}: ${names.join(', ')}`);
}

function section<Status extends string>(lifecycle: Lifecycle<Status>): string {
  const { title, intro, statuses, ended, transitions, meanings } = lifecycle;
  const edges = transitions.map(({ verb, from, to }) => [code(verb), from.map(code).join(', '), code(to)]);
  const words = statuses.map((status) => [code(status), ended.includes(status) ? 'yes' : '', meanings[status]]);
  return `## ${title}

${intro}

\`\`\`mermaid
stateDiagram-v2
  [*] --> ${statuses[0]}
${arrows(lifecycle).join('\n')}
${ended.map((status) => `  ${status} --> [*]`).join('\n')}
\`\`\`

${markdownTable(['status', 'ended', 'meaning'], words)}

${markdownTable(['verb', 'from', 'to'], edges)}
`;
}

const LATER = 'The table also has what no command carries out yet';

const TASK: Lifecycle<(typeof TASK_STATUSES)[number]> = {
  title: 'Tasks',
  intro: 'A task is what somebody asked for. It ends when it has a plan, or when there will be none.',
  statuses: TASK_STATUSES,
  ended: ENDED_TASK_STATUSES,
  transitions: TASK_TRANSITIONS,
  meanings: {
    queued: 'its planning job waits for a planner',
    planning: 'a planner works on it',
    planned: 'its plan is stored; `planId` names it',
    failed: 'there is no plan; `error` and `rounds` say why',
    cancelled: 'somebody cancelled it before it had a plan',
  },
};

const PLAN: Lifecycle<(typeof PLAN_STATUSES)[number]> = {
  title: 'Plans',
  intro: `A plan waits for its countersignature, runs, and ends. ${LATER}: \`expire\`, \`pause\`, \`resume\`, \`retry\` and \`revise\`.`,
  statuses: PLAN_STATUSES,
  ended: ENDED_PLAN_STATUSES,
  transitions: PLAN_TRANSITIONS,
  meanings: {
    draft: 'written, not yet submitted',
    pending_approval: 'waits for people to approve its digest',
    approved: 'approved; it starts in the same moment',
    executing: 'its steps run',
    paused: 'no further step starts; not reached yet',
    completed: 'every step completed or was skipped',
    partial: 'some steps failed under `onError: continue`, and some completed',
    failed: 'a failure stopped it, or some steps failed and none completed',
    rejected: 'somebody refused its digest; it never runs',
    expired: 'nobody decided in time; not reached yet',
    cancelled: 'somebody cancelled it',
  },
};

const STEP: Lifecycle<(typeof STEP_STATUSES)[number]> = {
  title: 'Steps',
  intro: `A step is one call of a tool. ${LATER}: \`askApproval\`, \`runAgain\`, every edge of \`awaiting_approval\`, and all of \`skip\` but the edge from \`pending\`.

Two edges look alike and are not: a step in \`retrying\` waits for its backoff and holds no place under the cap; a step in \`ready\` waits only for such a place.`,
  statuses: STEP_STATUSES,
  ended: ENDED_STEP_STATUSES,
  transitions: STEP_TRANSITIONS,
  meanings: {
    pending: 'waits for the plan to start, or for its dependencies',
    awaiting_approval: 'waits for a person; not reached yet',
    ready: 'may run; waits for a place under the cap',
    queued: 'its job is in a queue',
    running: 'an executor holds it',
    retrying: 'an attempt failed or was handed back; another one follows',
    completed: 'its output is recorded',
    failed: 'its last attempt failed, or its failure is not worth another one',
    skipped: 'did not run, because of what happened to its dependencies',
    cancelled: 'did not run, or not to its end, because the plan was stopped or cancelled',
  },
};

export const statesPage = (): string => `# States

The lifecycles of tasks, plans and steps. This page is made from \`packages/shared/src/transitions.ts\`, the tables that the reference model moves by and the engine is held against, by \`node scripts/generate-docs.mjs\`; a test fails when the two differ. [engine.md](engine.md) says what each command does on the way.

${[section(TASK), section(PLAN), section(STEP)].join('\n')}`;
