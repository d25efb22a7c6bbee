/** Settings whose value is JSON: one entry for each name. */
import { pathText } from '@countersign/shared';
import { z } from 'zod';

/** A variable that holds a JSON object, as a map of its entries. Every problem is named by its path, with `example` as what would be right. */
export const jsonSetting = <Value>(schema: z.ZodType<Record<string, Value>>, example: string) =>
  z.string().transform((text, context): ReadonlyMap<string, Value> => {
    const problem = (message: string): void => context.addIssue({ code: 'custom', message });
    let written: unknown;
    try {
      written = JSON.parse(text);
    } catch {
      problem(`must be JSON like ${example}`);
      return z.NEVER;
    }
    const parsed = schema.safeParse(written);
    if (parsed.success) return new Map(Object.entries(parsed.data));
    for (const { path, message } of parsed.error.issues)
      problem(`${path.length === 0 ? '' : `${pathText(path)}: `}${message}; it is written like ${example}`);
    return z.NEVER;
  });
