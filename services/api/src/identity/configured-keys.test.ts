import { describe, expect, it } from 'vitest';
import { findKey, parseApiKeys } from './configured-keys.ts';

const problemsOf = (text: string): string[] => {
  const parsed = parseApiKeys(text);
  return parsed.ok ? [] : parsed.problems;
};

describe('API_KEYS', () => {
  it('holds names, roles and secrets, of which only digests are kept', () => {
    const parsed = parseApiKeys('alice:submitter+approver:s3cret:with:colons, bob:viewer:other');
    expect(parsed).toMatchObject({
      ok: true,
      keys: [
        { id: 'alice', roles: ['submitter', 'approver'] },
        { id: 'bob', roles: ['viewer'] },
      ],
    });
    expect(JSON.stringify(parsed)).not.toContain('s3cret');
    if (!parsed.ok) return;
    expect(findKey(parsed.keys, 's3cret:with:colons')?.id).toBe('alice');
    expect(findKey(parsed.keys, 'other')?.id).toBe('bob');
    expect(findKey(parsed.keys, 'othe')).toBeNull();
    expect(findKey(parsed.keys, '')).toBeNull();
  });

  it('lets one actor have two keys, so that they can be replaced one after the other', () => {
    expect(parseApiKeys('alice:viewer:old,alice:viewer:new')).toMatchObject({ ok: true, keys: [{ id: 'alice' }, { id: 'alice' }] });
  });

  it('names everything that is wrong by position, and no secret', () => {
    const problems = problemsOf(
      'alice:s3cret,:viewer:s3cret,bob:king:s3cret,carol:viewer:,dora:viewer:ok,eve:viewer:ok,frank:viewer:s3 cret',
    );
    expect(problems).toEqual([
      'key 1: must be `name:role+role:secret`',
      expect.stringMatching(/^key 2: the name must/),
      "key 3: the roles of `bob` must be some of viewer, submitter, approver, operator, admin, joined by '+'",
      expect.stringMatching(/^key 4: the secret of `carol` must/),
      'key 6: its secret is that of another key; every key must have its own',
      expect.stringMatching(/^key 7: the secret of `frank` must/),
    ]);
    expect(problems.join()).not.toMatch(/s3/);
  });
});
