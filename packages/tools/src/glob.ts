/** Globs, matched in time that grows with the path alone: a backtracking engine can take hours over `*a*a*a*a*a*a*ab`. */
import picomatch from 'picomatch';
import { RE2JS, RE2JSException } from 're2js';
import { ToolError } from './tool.ts';

/**
 * What picomatch looks ahead for: that no part of a path is empty, `.` or `..`. Parts of walked paths never are, and RE2
 * has no lookahead.
 */
const LOOKAHEADS = ['(?!(?:^|\\/)\\.{1,2}(?:\\/|$))', '(?!(?:\\/|^)\\.{1,2}(?:\\/|$))', '(?!\\.{1,2}(?:\\/|$))', '(?=.)'];

/**
 * Whether a path matches a glob. A glob without `/` is matched against the last part of the path; `*` stays within a
 * part, `**` does not, a leading dot is nothing special. Throws a ToolError `invalid_input` for what can't be matched.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const glob = pattern.replace(/^\.\//, '');
  const anywhere = !glob.includes('/');
  let expression: RE2JS;
  try {
    let source = picomatch.makeRe(glob, { dot: true, noextglob: true, nonegate: true }).source;
    for (const lookahead of LOOKAHEADS) source = source.replaceAll(lookahead, '');
    expression = RE2JS.compile(source, RE2JS.DOTALL);
  } catch (cause) {
    if (!(cause instanceof RE2JSException || cause instanceof SyntaxError)) throw cause;
    throw new ToolError('invalid_input', `pattern: ${JSON.stringify(pattern)} is not a glob; write it like "*.ts" or "docs/**/*.md"`, {
      cause,
    });
  }
  return (path) => {
    const subject = anywhere ? path.slice(path.lastIndexOf('/') + 1) : path;
    return subject === glob || expression.test(subject);
  };
}
