import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ service: 'test', level: 'info', destination: { write: (line) => lines.push(line) } }));
  return lines.map((line) => JSON.parse(line));
}

test('a line is JSON with service, level in words and an ISO time', () => {
  const [line] = logged((logger) => logger.info({ planId: 'p' }, 'hello'));
  expect(line).toMatchObject({ service: 'test', level: 'info', message: 'hello', planId: 'p', pid: process.pid });
  expect(new Date(String(line?.time)).getTime()).toBeGreaterThan(0);
});

test('secrets are masked in fields, child bindings, messages and errors', () => {
  const lines = logged((logger) => {
    logger.info(
      { headers: { Authorization: 'Bearer hunter2' }, apiKey: 'hunter2', url: 'redis://:hunter2@host' },
      'to redis://u:hunter2@host',
    );
    logger.child({ password: 'hunter2' }).child({ url: 'redis://u:hunter2@host' }).warn('bound');
    logger.error({ err: new Error('cannot reach redis://u:hunter2@host') }, 'failed');
    logger.error(new Error('cannot reach redis://u:hunter2@host'));
  });
  expect(lines).toHaveLength(4);
  expect(JSON.stringify(lines)).not.toContain('hunter2');
  expect(lines[2]).toMatchObject({
    err: { type: 'Error', message: 'cannot reach redis://u:***@host', stack: expect.stringContaining('Error') },
  });
});

test('the secrets of API keys are masked wherever they stand; which key it is may be seen', () => {
  const key = 'csk_1m7w3skwphdzfc2xr3d2qc';
  const secret = `${key}_${'aB-_5'.repeat(8)}xyz`;
  const lines = logged((logger) => {
    logger.info({ path: `/v1/keys/${secret}` }, `asked for ${secret}`);
    logger.child({ path: secret }).error(new Error(`no key ${secret}`));
  });
  expect(JSON.stringify(lines)).not.toContain('aB-_5');
  expect(lines[0]).toMatchObject({ path: `/v1/keys/${key}_***`, message: `asked for ${key}_***` });
});

test('what refers to itself, dates and counts of tokens are logged', () => {
  const loop: Record<string, unknown> = { at: new Date(0), inputTokens: 5 };
  loop.self = loop;
  const [line] = logged((logger) => logger.info({ loop }, 'loop'));
  expect(line?.loop).toMatchObject({ at: '1970-01-01T00:00:00.000Z', inputTokens: 5 });
});

test('a line goes through what cleans it as it would be written, whatever part of it says what is to be hidden', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const cleanLine = (line: string): string => line.replaceAll('a \\"quoted\\" word', '***');
  const logger = createLogger({ service: 'test', destination, cleanLine });
  logger.info({ deep: { list: ['a "quoted" word'] }, 'a "quoted" word': 1 }, 'said a "quoted" word');
  logger.fatal({ err: new Error('a "quoted" word', { cause: new Error('a "quoted" word') }) }, 'failed');
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).not.toContain('quoted');
    expect(JSON.parse(line).service).toBe('test');
  }
});

test('below its level a logger is silent', () => {
  expect(logged((logger) => logger.debug('quiet'))).toEqual([]);
});
