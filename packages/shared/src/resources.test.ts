import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { ApprovalItem, PlanDiff, RevisionContent } from './api.ts';
import type { Event } from './events.ts';
import type { Issue } from './issue.ts';
import type { Approval, Plan, PlanContent, PlanSummary, Revision, StepView } from './plan.ts';
import {
  type approvalItemSchema,
  type approvalSchema,
  type eventSchema,
  type issueSchema,
  type planContentSchema,
  type planDiffSchema,
  planDraftSchema,
  type planningRoundSchema,
  type planSchema,
  type planSummarySchema,
  type revisionContentSchema,
  type revisionSchema,
  type stepViewSchema,
  type taskSchema,
  type templateSchema,
} from './resources.ts';
import type { PlanningRound, Task } from './task.ts';
import type { Template } from './template.ts';
import { validatePlan } from './validate.ts';

describe('the schemas of the answers', () => {
  it('describe exactly the types that the code works with', () => {
    expectTypeOf<z.output<typeof issueSchema>>().toEqualTypeOf<Issue>();
    expectTypeOf<z.output<typeof planningRoundSchema>>().toEqualTypeOf<PlanningRound>();
    expectTypeOf<z.output<typeof taskSchema>>().branded.toEqualTypeOf<Task>();
    expectTypeOf<z.output<typeof stepViewSchema>>().branded.toEqualTypeOf<StepView>();
    expectTypeOf<z.output<typeof approvalSchema>>().toEqualTypeOf<Approval>();
    expectTypeOf<z.output<typeof planSchema>>().branded.toEqualTypeOf<Plan>();
    expectTypeOf<z.output<typeof planSummarySchema>>().branded.toEqualTypeOf<PlanSummary>();
    expectTypeOf<z.output<typeof planContentSchema>>().branded.toEqualTypeOf<PlanContent>();
    expectTypeOf<z.output<typeof revisionSchema>>().toEqualTypeOf<Revision>();
    expectTypeOf<z.output<typeof revisionContentSchema>>().branded.toEqualTypeOf<RevisionContent>();
    expectTypeOf<z.output<typeof eventSchema>>().branded.toEqualTypeOf<Event>();
    expectTypeOf<z.output<typeof planDiffSchema>>().branded.toEqualTypeOf<PlanDiff>();
    expectTypeOf<z.output<typeof approvalItemSchema>>().branded.toEqualTypeOf<ApprovalItem>();
    expectTypeOf<z.output<typeof templateSchema>>().branded.toEqualTypeOf<Template>();
  });
});

describe('the schema of a plan as written', () => {
  const unknownFields = (draft: unknown): string[] =>
    validatePlan(draft, { tools: new Map() })
      .issues.filter(({ code }) => code === 'unknown_field')
      .map(({ path }) => path);

  it('offers no field that validation does not know', () => {
    const named = (shape: object): object => Object.fromEntries(Object.keys(shape).map((field) => [field, 'x']));
    const step = named(planDraftSchema.shape.steps.element.shape);
    expect(unknownFields({ ...named(planDraftSchema.shape), input: {}, options: {}, steps: [step] })).toEqual([]);
  });

  it('offers every field that validation knows', () => {
    const issues = validatePlan({ nosuch: 1, steps: [{ nosuch: 1 }] }, { tools: new Map() }).issues;
    const namesIn = (path: string): string[] => {
      const message = issues.find((issue) => issue.path === path && issue.code === 'unknown_field')?.message ?? '';
      return [...message.slice(message.indexOf('it has')).matchAll(/`([^`]+)`/g)].map(([, name]) => name as string).sort();
    };
    expect(namesIn('nosuch')).toEqual(Object.keys(planDraftSchema.shape).sort());
    expect(namesIn('steps[0].nosuch')).toEqual(Object.keys(planDraftSchema.shape.steps.element.shape).sort());
  });
});
