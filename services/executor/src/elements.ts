/** The list of a forEach step: one element for each of its children. */
import { byteLength, type Json, LIMITS, type ReferenceScope, resolveReferences, type Step, type StepError } from '@countersign/shared';

/** `items` are JSON texts. */
export type Elements = { ok: true; items: readonly string[] } | { ok: false; error: StepError };

function typeText(value: Json): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'text';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const refuse = (code: StepError['code'], message: string): Elements => ({ ok: false, error: { code, message, retryable: false } });

export function elementsOf({ forEach, maxItems }: Pick<Step, 'forEach' | 'maxItems'>, scope: ReferenceScope): Elements {
  const list = resolveReferences(forEach, scope);
  if (!Array.isArray(list)) return refuse('invalid_input', `forEach needs a list, got ${typeText(list)}`);
  const most = maxItems ?? LIMITS.forEachItems;
  if (list.length > most) return refuse('limit_exceeded', `forEach may have ${most} elements here (maxItems), the list has ${list.length}`);
  const items: string[] = [];
  let bytes = 0;
  // One element written many times, `["{{a.output}}", "{{a.output}}", ...]`, is small until it is written out.
  for (const element of list) {
    const text = JSON.stringify(element);
    bytes += byteLength(text);
    if (bytes > LIMITS.outputBytes)
      return refuse(
        'limit_exceeded',
        `the elements of forEach may have ${LIMITS.outputBytes} bytes together; element ${items.length} goes beyond`,
      );
    items.push(text);
  }
  return { ok: true, items };
}
