/** What zod says of a body or a query, as the issues that the API answers with. */
import { type Issue, pathText } from '@countersign/shared';
import type { z } from 'zod';

/** Every issue of a failed parse. A field that does not exist is an issue of its own, at its own path. */
export function issuesOf(error: z.ZodError): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        code: 'unknown_field',
        message: `there is no field \`${key}\``,
      }));
    // zod says that a field is missing as a wrong type.
    const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
    const message = missing ? `is missing; it must be ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}` : issue.message;
    const code = issue.code === 'too_big' ? 'limit_exceeded' : 'bad_input';
    return [{ path: pathText(issue.path), code, message }];
  });
}

/** `there is 1 issue: steps[0].tool: ...`, for a reader who looks at `detail` only. */
export function summaryOf(issues: readonly Issue[], what: string): string {
  const [first] = issues;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more, see \`issues\`)` : '';
  return `${what} is not right: ${where}${first?.message ?? ''}${more}`;
}
