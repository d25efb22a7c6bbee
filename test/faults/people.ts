/** People and programs at the API: they do what the stories say, try again what got no answer, and write down what they were told. */
import { setTimeout as delay } from 'node:timers/promises';
import { canonicalJson, type Event, isEndedPlan, isEndedStep, type Plan, type PlanDraft, type Task } from '@countersign/shared';
import type { Way } from './model.ts';
import type { Ack, Sample, SeenPlan, SeenTask, Violation } from './observed.ts';
import { type Answer, persistently, type Sending, TRY_AGAIN_MS } from './persistently.ts';
import type { Stage } from './stage.ts';
import type { Deed, Story } from './story.ts';

const LOOK_MS = 250;

/** One plan's life, from its creation to its end. */
export class PlanLife {
  readonly story: Story;
  readonly acks: Ack[] = [];
  readonly samples: Sample[] = [];
  readonly problems: Violation[] = [];
  id = '';
  plan: Plan | null = null;
  task: SeenTask | null = null;
  followed: Event[] | null = null;
  isOver = false;
  readonly #stage: Stage;
  #revision = 1;
  #sent = 0;
  #deeds: Deed[];
  #healed = false;
  #resumeAt = 0;
  #lastSample = '';
  /** nobody does anything with the plan any more */
  #isLived = false;
  #life: Promise<void> = Promise.resolve();

  constructor(story: Story, stage: Stage) {
    this.story = story;
    this.#stage = stage;
    this.#deeds = [...story.deeds];
  }

  /** Lives it to its end, or until the signal. What goes wrong with that is written down. */
  begin(signal: AbortSignal, { follow }: { follow: boolean }): this {
    this.#life = this.#live(signal, follow)
      .catch((error: Error) => this.#report('I7', `${this.story.name}: ${error.message}`))
      .finally(() => {
        this.isOver = true;
      });
    return this;
  }

  over(): Promise<void> {
    return this.#life;
  }

  #report(invariant: Violation['invariant'], what: string): void {
    this.problems.push({ invariant, planId: this.id || null, stepId: null, what });
  }

  async #live(signal: AbortSignal, follow: boolean): Promise<void> {
    this.id = await (this.story.way === null ? this.#create() : this.#ask(this.story.way, signal));
    if (this.id === '') return;
    const following = follow ? this.#follow(signal) : null;
    for (;;) {
      const { status, body } = await persistently(this.#stage, 'GET', `/v1/plans/${this.id}`);
      if (status !== 200) throw new Error(`${this.id} cannot be read: ${status} ${JSON.stringify(body)}`);
      const plan = body.plan as Plan;
      this.plan = plan;
      this.#sample(plan);
      const acted = await this.#act(plan);
      if (!acted && isEndedPlan(plan.status)) break;
      if (signal.aborted) break;
      await delay(LOOK_MS);
    }
    this.#isLived = true;
    this.followed = (await following) ?? null;
  }

  /** Sends the same thing as often as the story says, all at once; everybody is told the same id. */
  async #submit(path: string, body: object, idOf: (body: Answer['body']) => string): Promise<string> {
    const { name, submits } = this.story;
    const sending: Sending = { body, actor: 'author', headers: { 'idempotency-key': `create-${name}` } };
    const answers = await Promise.all(Array.from({ length: submits }, () => persistently(this.#stage, 'POST', path, sending)));
    const refused = answers.find(({ status }) => status !== 201 && status !== 202);
    if (refused !== undefined) throw new Error(`was refused: ${refused.status} ${JSON.stringify(refused.body)}`);
    const ids = [...new Set(answers.map((answer) => idOf(answer.body)))];
    if (ids.length > 1) this.#report('I1', `${name} was submitted ${submits} times under one key and is ${ids.join(', ')}`);
    return ids[0] as string;
  }

  #create(): Promise<string> {
    return this.#submit('/v1/plans', this.story.drafts[0] as PlanDraft, ({ plan }) => plan.id);
  }

  /** Asks for a plan; resolves with its id, or with '' where there is none. */
  async #ask(way: Way, signal: AbortSignal): Promise<string> {
    const draft = this.story.drafts[0] as PlanDraft;
    const { objective, input, options } = draft;
    this.#stage.model.learn(draft, way);
    const askedAt = Date.now();
    const id = await this.#submit('/v1/tasks', { objective, input, options }, ({ task }) => task.id);
    for (;;) {
      const { status, body } = await persistently(this.#stage, 'GET', `/v1/tasks/${id}`);
      if (status !== 200) throw new Error(`${id} cannot be read: ${status} ${JSON.stringify(body)}`);
      const task = body.task as Task;
      const calls = this.#stage.model.callsFor(objective);
      this.task = { id, way, status: task.status, error: task.error, calls, askedAt, endedAt: Date.now() };
      if (signal.aborted || !['queued', 'planning'].includes(task.status)) return task.planId ?? '';
      await delay(LOOK_MS);
    }
  }

  seen(audit: SeenPlan['audit']): SeenPlan {
    const { story, id, acks, samples, followed } = this;
    return { story, id, acks, samples, audit, followed };
  }

  #sample({ steps, revision }: Plan): void {
    const ended = steps
      .flatMap((step) => [step, ...(step.children ?? [])])
      .filter(({ status }) => isEndedStep(status))
      .map(({ id, status, generation, output }) => ({ id, status, generation, output: canonicalJson(output) }));
    const text = JSON.stringify([revision, ended]);
    if (text === this.#lastSample) return;
    this.#lastSample = text;
    this.samples.push({ at: Date.now(), revision, steps: ended });
  }

  /** Whether something was done; then the plan has to be looked at again. */
  async #act(plan: Plan): Promise<boolean> {
    switch (plan.status) {
      case 'pending_approval':
        return this.#decide(plan);
      case 'executing':
        return (await this.#answerGates(plan)) || this.#interfere(plan);
      case 'paused':
        if (performance.now() < this.#resumeAt) return true;
        return this.#do(plan, 'resume');
      case 'failed':
      case 'partial':
        return this.#mend(plan);
      default:
        return false;
    }
  }

  async #decide(plan: Plan): Promise<boolean> {
    const next = this.story.drafts[this.#revision];
    const waitsForFailure = this.story.afterFailure === 'revise' && this.#revision === this.story.drafts.length - 1 && !this.#healed;
    if (next !== undefined && !waitsForFailure && plan.revision === this.#revision) {
      this.#revision++;
      return this.#revise(plan, next);
    }
    const { verdict } = this.story;
    if (verdict === 'reject') return this.#do(plan, 'reject', { digest: plan.digest, reason: 'as the story says' });
    if (verdict === 'cancel') return this.#do(plan, 'cancel');
    if (verdict === 'storm') {
      await this.#storm(plan);
      return true;
    }
    // Somebody else votes each time, until the policy has what it demands.
    return this.#do(plan, 'approve', { digest: plan.digest }, { actor: `approver-${plan.approvals.length + 1}` });
  }

  #revise(plan: Plan, draft: Story['drafts'][number]): Promise<boolean> {
    const { objective: _objective, ...body } = draft;
    return this.#do(plan, 'revise', body, { headers: { 'if-match': plan.digest } });
  }

  /** All at once, and each twice: one of them wins. */
  async #storm(plan: Plan): Promise<void> {
    const sends = [
      () => this.#do(plan, 'approve', { digest: plan.digest }, { actor: 'approver-1' }),
      () => this.#do(plan, 'reject', { digest: plan.digest, reason: 'in the storm' }, { actor: 'approver-2' }),
      () => this.#do(plan, 'cancel'),
    ];
    await Promise.all([...sends, ...sends].map((send) => send()));
  }

  async #answerGates(plan: Plan): Promise<boolean> {
    const waiting = plan.steps.filter(({ status }) => status === 'awaiting_approval');
    for (const { id } of waiting) {
      const decision = this.story.gates[id] ?? 'approve';
      await this.#do(plan, decision === 'approve' ? 'approve_gate' : 'reject_gate', {}, { stepId: id, actor: 'approver-1' });
    }
    return waiting.length > 0;
  }

  async #interfere(plan: Plan): Promise<boolean> {
    this.#stage.ledger.refresh();
    const calls = this.#stage.ledger.startsOf(this.id);
    const deed = this.#deeds.find(({ afterCalls }) => calls >= afterCalls);
    if (deed === undefined) return false;
    this.#deeds = this.#deeds.filter((each) => each !== deed);
    if (deed.do === 'pause') {
      this.#resumeAt = performance.now() + deed.forMs;
      return this.#do(plan, 'pause');
    }
    if (deed.do === 'cancel') return this.#do(plan, 'cancel');
    await Promise.all(['cancel', 'pause', 'cancel', 'pause'].map((what) => this.#do(plan, what as 'cancel' | 'pause')));
    return true;
  }

  async #mend(plan: Plan): Promise<boolean> {
    const { afterFailure, drafts } = this.story;
    if (this.#healed || afterFailure === 'leave') return false;
    this.#healed = true;
    const failed = plan.steps.find(({ status }) => status === 'failed');
    if (afterFailure === 'retry') return this.#do(plan, 'retry');
    if (afterFailure === 'revise') {
      const draft = drafts[this.#revision];
      if (draft === undefined) return false;
      this.#revision++;
      return this.#revise(plan, draft);
    }
    if (failed === undefined) return false;
    return this.#do(plan, afterFailure === 'skip' ? 'skip' : 'retry_step', {}, { stepId: failed.id });
  }

  async #do(
    plan: Plan,
    what: Ack['do'],
    body: object = {},
    more: { stepId?: string; actor?: string; headers?: Record<string, string> } = {},
  ) {
    const { stepId, actor = 'operator', headers } = more;
    const digest = (body as { digest?: string }).digest;
    const sentAt = Date.now();
    const paths: Record<Ack['do'], string> = {
      approve: '/approve',
      reject: '/reject',
      cancel: '/cancel',
      pause: '/pause',
      resume: '/resume',
      revise: '',
      retry: '/retry',
      retry_step: `/steps/${stepId}/retry`,
      skip: `/steps/${stepId}/skip`,
      approve_gate: `/steps/${stepId}/approve`,
      reject_gate: `/steps/${stepId}/reject`,
    };
    const sending: Sending = {
      body,
      actor,
      headers: { ...(what === 'revise' ? {} : { 'idempotency-key': `${plan.id}-${what}-${this.#sent++}` }), ...headers },
    };
    const { status } = await persistently(this.#stage, what === 'revise' ? 'PUT' : 'POST', `/v1/plans/${plan.id}${paths[what]}`, sending);
    this.acks.push({
      planId: plan.id,
      do: what,
      status,
      sentAt,
      answeredAt: Date.now(),
      ...(digest !== undefined && { digest }),
      ...(stepId !== undefined && { stepId }),
    });
    return true;
  }

  /** Follows the events live; where the stream breaks, it goes on behind the last one that came. */
  async #follow(signal: AbortSignal): Promise<Event[]> {
    const events: Event[] = [];
    while (!signal.aborted) {
      const last = events.at(-1)?.id;
      try {
        const response = await fetch(`${this.#stage.url}/v1/plans/${this.id}/events`, {
          headers: last === undefined ? {} : { 'last-event-id': last },
          signal,
        });
        if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`);
        let rest = '';
        const decoder = new TextDecoder();
        for await (const piece of response.body) {
          const parts = (rest + decoder.decode(piece, { stream: true })).split('\n\n');
          rest = parts.pop() ?? '';
          for (const part of parts) {
            const data = part.split('\n').find((line) => line.startsWith('data: '));
            if (data !== undefined) events.push(JSON.parse(data.slice(6)) as Event);
          }
        }
      } catch {
        await delay(TRY_AGAIN_MS);
      }
      // The stream of a plan that has ended ends by itself; a plan that is opened again goes on behind it.
      if (this.#isLived && events.length > 0) {
        const { status, body } = await persistently(this.#stage, 'GET', `/v1/plans/${this.id}/audit`);
        if (status === 200 && body.events.at(-1)?.id === events.at(-1)?.id) break;
      }
    }
    return events;
  }
}
