/** Variables in the texts of a configuration: `${NAME}` and `${NAME:-default}`. */
import { isObject, pathText } from '@countersign/shared';

interface FillIn {
  env: NodeJS.ProcessEnv;
  path: readonly (string | number)[];
  /** what is missing is added to these */
  problems: string[];
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

function filledText(text: string, { env, path, problems }: FillIn): string {
  return text.replace(VARIABLE, (whole, name: string, fallback: string | undefined) => {
    const value = env[name];
    // As in a shell: the default stands for an empty variable, too.
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value !== undefined) return value;
    problems.push(`${pathText(path)}: the environment has no ${name}; set it, or write ${whole.slice(0, -1)}:-default}`);
    return '';
  });
}

/** A copy in which the variables of every text are replaced. What a variable holds is not looked through again. */
export function fillIn(value: unknown, { env, path, problems }: FillIn): unknown {
  if (typeof value === 'string') return filledText(value, { env, path, problems });
  if (Array.isArray(value)) return value.map((item, index) => fillIn(item, { env, path: [...path, index], problems }));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fillIn(member, { env, path: [...path, key], problems })]));
}
