/** A plan's progress while it runs: a line per step that ended, and on a terminal a bar below them. */
import { type Event, isEndedStep, type Plan, percentOf, type StepStatus, stepStatusAfter } from '@countersign/shared';
import { cut, duration, plainText, type Terminal, textWidth } from './terminal.ts';

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001b[2K';

const MARKS = {
  completed: ['ok', 'green'],
  failed: ['failed', 'red'],
  skipped: ['skipped', 'dim'],
  cancelled: ['cancelled', 'yellow'],
} as const satisfies Partial<Record<StepStatus, readonly [string, 'green' | 'red' | 'dim' | 'yellow']>>;

export interface LiveProgress {
  show(event: Event): void;
  /** takes the bar away, before something else is written */
  clear(): void;
}

/** What an event's data says for a person. */
function sentence(event: Event): string {
  const { error, reason, message } = event.data;
  for (const part of [error, reason]) {
    if (typeof part === 'string') return plainText(part);
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) {
      const text = part.message ?? part.text;
      if (typeof text === 'string') return plainText(text);
    }
  }
  return typeof message === 'string' ? plainText(message) : '';
}

export function liveProgress(plan: Pick<Plan, 'steps'>, terminal: Terminal): LiveProgress {
  const tools = new Map(plan.steps.map((step) => [step.id, step.tool]));
  const idWidth = Math.max(...plan.steps.map((step) => textWidth(step.id)), 0);
  const states = new Map<string, StepStatus>();
  const startedAt = new Map<string, number>();
  let barShown = false;

  const clear = (): void => {
    if (barShown) terminal.write(CLEAR_LINE);
    barShown = false;
  };

  const line = (text: string): void => {
    clear();
    terminal.write(`${text}\n`);
  };

  const bar = (): void => {
    if (!terminal.interactive) return;
    const ended = [...states.values()].filter(isEndedStep).length;
    const percent = percentOf(ended, tools.size, 'executing');
    const filled = Math.round((BAR_WIDTH * percent) / 100);
    const running = [...states].filter(([, status]) => status === 'running').map(([id]) => id);
    const head = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${percent}%  ${ended} of ${tools.size}`;
    // One column less than there are: a full line would wrap and could not be taken back.
    const text = cut(running.length > 0 ? `${head}  running: ${running.join(', ')}` : head, terminal.width - 1);
    terminal.write(`${CLEAR_LINE}${text}`);
    barShown = true;
  };

  const ended = (event: Event, id: string, status: keyof typeof MARKS): string => {
    const [word, style] = MARKS[status];
    const began = startedAt.get(id);
    const took = began === undefined ? '' : `  ${duration(Date.parse(event.at) - began)}`;
    const why = status === 'completed' ? '' : `  ${sentence(event)}`;
    const attempt = (event.attempt ?? 0) > 1 ? `  attempt ${event.attempt}` : '';
    return `  ${terminal.paint(style, word.padEnd(9))}  ${id.padEnd(idWidth)}  ${tools.get(id) ?? ''}${took}${attempt}${why}`.trimEnd();
  };

  const show = (event: Event): void => {
    const id = event.stepId;
    const status = stepStatusAfter(event.type);
    // Children of a forEach (`count[0]`) have events of their own; their step is what counts.
    if (id === undefined || status === undefined || !tools.has(id)) return;
    states.set(id, status);
    if (status === 'running') startedAt.set(id, Date.parse(event.at));
    if (status === 'running' && !terminal.interactive) line(`  ${'started'.padEnd(9)}  ${id.padEnd(idWidth)}  ${tools.get(id)}`);
    if (status === 'retrying') line(`  ${terminal.paint('yellow', 'retrying ')}  ${id.padEnd(idWidth)}  ${sentence(event)}`.trimEnd());
    if (status in MARKS) line(ended(event, id, status as keyof typeof MARKS));
    bar();
  };
  return { show, clear };
}
