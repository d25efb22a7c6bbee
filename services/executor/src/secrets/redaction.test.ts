import { describe, expect, test } from 'vitest';
import { NO_REDACTION, redactionOf } from './redaction.ts';

const VALUE = 'p@ss "w\\rd"/ö+&~<=>?';
const { text, json } = redactionOf([['NAME', VALUE]]);
const bytes = Buffer.from(VALUE);
const base64Of = (before: string, after: string): string => Buffer.from(`${before}${VALUE}${after}`).toString('base64');

describe('a value is found', () => {
  test.each<[string, string]>([
    ['as it is', VALUE],
    ['as JSON', JSON.stringify({ at: VALUE })],
    ['as JSON within JSON', JSON.stringify({ body: JSON.stringify({ at: VALUE }) })],
    ['as JSON within JSON, five times', [1, 2, 3, 4, 5].reduce((text) => JSON.stringify({ text }), VALUE)],
    ['as JSON with escaped slashes', JSON.stringify(VALUE).replaceAll('/', '\\/')],
    ['in a URL within a URL', encodeURIComponent(`https://example.com/?q=${encodeURIComponent(VALUE)}`)],
    ['as JSON of bytes', JSON.stringify({ text: JSON.stringify(bytes) })],
    ['as JSON in ASCII', JSON.stringify(VALUE).replace('ö', '\\u00f6')],
    ['as HTML', VALUE.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')],
    ['in a URL', `https://example.com/?q=${encodeURIComponent(VALUE)}&r=1`],
    ['in a URL, in small letters', `?q=${encodeURIComponent(VALUE).toLowerCase()}`],
    ['as a form', new URLSearchParams({ a: VALUE, b: 'x' }).toString()],
    ['as hex', `x${bytes.toString('hex')}x`],
    ['as hex in capitals', bytes.toString('hex').toUpperCase()],
    ['as base64', bytes.toString('base64')],
    ['as base64url', bytes.toString('base64url')],
    ['as base64 of a longer text', `Basic ${base64Of('ada:', '')}`],
    ['as base64 one byte later', base64Of('x', 'y')],
    ['as base64 two bytes later', base64Of('xx', 'yy')],
  ])('%s', (_, given) => {
    const redacted = text(given);
    expect(redacted).toContain('[secret NAME]');
    for (const piece of ['ss "w', 'ss%20', 'ss+%22', bytes.toString('hex').slice(8, 24), bytes.toString('base64').slice(4, 12)])
      expect(redacted.toLowerCase()).not.toContain(piece.toLowerCase());
  });

  test('in JSON text, which stays JSON', () => {
    for (const value of ['"quoted" from the start', 'new\nline and more', 'ends in a backslash\\'])
      for (const text of [`${value}`, `\\${value}`, `\n${value}`, JSON.stringify({ value })]) {
        const redacted = redactionOf([['NAME', value]]).text(JSON.stringify({ text, after: '"' }));
        expect(JSON.parse(redacted)).toMatchObject({ text: expect.stringContaining('[secret NAME]'), after: '"' });
      }
  });

  test('wherever it stands, as often as it does, and nothing else is touched', () => {
    expect(text(`a ${VALUE}${VALUE} b ${VALUE}`)).toBe('a [secret NAME][secret NAME] b [secret NAME]');
    expect(text('p@ss and w\\rd')).toBe('p@ss and w\\rd');
    expect(text('')).toBe('');
  });

  test('in keys, deep values and lists of bytes; what is not text stays what it is', () => {
    expect(json({ [`k-${VALUE}`]: [{ deep: `x${VALUE}` }], list: [1, null, true, 'x'], bytes: JSON.parse(JSON.stringify(bytes)) })).toEqual(
      {
        'k-[secret NAME]': [{ deep: 'x[secret NAME]' }],
        list: [1, null, true, 'x'],
        bytes: { type: 'Buffer', data: '[secret NAME]' },
      },
    );
    expect(JSON.stringify(json(JSON.parse('{"__proto__": {"x": 1}}')))).toBe('{"__proto__":{"x":1}}');
  });

  test('as a number', () => {
    expect(redactionOf([['PIN', '1234567890']]).json({ pin: 1234567890, other: 123456789, text: 'is 1234567890' })).toEqual({
      pin: '[secret PIN]',
      other: 123456789,
      text: 'is [secret PIN]',
    });
  });
});

test('what follows the scheme of a header is found alone, and so is each line of a text of several', () => {
  const header = redactionOf([['HEADER', 'Bearer abc.def-0123456789']]);
  expect(header.text('token abc.def-0123456789 of Bearer')).toBe('token [secret HEADER] of Bearer');
  const key = redactionOf([['KEY', '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n']]);
  expect(key.text('{"line":"MIIEvQIBADANBgkqhkiG"}')).toBe('{"line":"[secret KEY]"}');
});

test('values that overlap leave nothing of either', () => {
  const { text: both } = redactionOf([
    ['SHORT', 'abcdefgh'],
    ['LONG', 'abcdefghijklm'],
    ['OTHER', 'klmnopqrst'],
  ]);
  expect(both('<abcdefghijklm>')).toBe('<[secret LONG]>');
  expect(both('<abcdefghijklmnopqrst>')).toBe('<[secret LONG]>');
  expect(both('<abcdefgh>')).toBe('<[secret SHORT]>');
});

test('a value of one letter over and over does not make the text grow', () => {
  expect(redactionOf([['A', 'aaaaaaaa']]).text(`x${'a'.repeat(1_000_000)}y`)).toBe('x[secret A]y');
});

test('without values nothing is looked for', () => {
  expect(redactionOf([])).toBe(NO_REDACTION);
});
