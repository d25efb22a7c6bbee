import { describe, expect, it } from 'vitest';
import { refuseStale } from './if-match.ts';

const CURRENT = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const refused = (header: string | undefined) => refuseStale({ 'if-match': header }, CURRENT);

describe('If-Match', () => {
  it.each([CURRENT, `"${CURRENT}"`, `  "${CURRENT}" `])('%s is the digest that the plan has', (header) => {
    expect(refused(header)).toBeNull();
  });

  it('is required', () => {
    expect(refused(undefined)).toMatchObject({ code: 'if_match_required' });
  });

  it.each([OTHER, `"${OTHER}"`])('%s is another digest: refused with the current one', (header) => {
    expect(refused(header)).toMatchObject({ code: 'stale_digest', status: 412, extensions: { currentDigest: CURRENT } });
    expect(refused(header)?.detail).toContain(`current digest is ${CURRENT}`);
  });

  it.each([
    '',
    '*',
    `W/"${CURRENT}"`,
    `"${CURRENT}", "${OTHER}"`,
    `"${CURRENT}`,
    `${CURRENT}"`,
    `"${CURRENT.toUpperCase()}"`,
    `'${CURRENT}'`,
    CURRENT.slice('sha256:'.length),
    `${CURRENT}0`,
  ])('%j is no digest: refused, saying what is expected', (header) => {
    const answer = refused(header);
    expect(answer).toMatchObject({ code: 'stale_digest', status: 412, extensions: { currentDigest: CURRENT } });
    expect(answer?.detail).toContain('If-Match must be one digest');
  });
});
