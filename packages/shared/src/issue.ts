/** What is wrong with a plan: where, which kind, and in words what would be right. */
export const ISSUE_CODES = [
  'unknown_tool',
  'duplicate_id',
  'bad_id',
  'unknown_step',
  'unknown_reference',
  'cycle',
  'bad_input',
  'bad_condition',
  'bad_option',
  'limit_exceeded',
  'unknown_field',
  'policy_denied',
] as const;
export type IssueCode = (typeof ISSUE_CODES)[number];

export interface Issue {
  /** like `steps[3].input.url`; '' is the whole document */
  path: string;
  code: IssueCode;
  message: string;
}

const PLAIN_KEY = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** Writes a path of keys and indexes as `steps[3].input["a key"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (PLAIN_KEY.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`;
    else text += `[${JSON.stringify(String(part))}]`;
  }
  return text;
}
