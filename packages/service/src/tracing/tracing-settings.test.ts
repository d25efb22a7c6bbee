import { expect, test } from 'vitest';
import { readConfig } from '../config.ts';
import { maskSecrets } from '../secrets.ts';
import { isToldTraces } from './start-tracing.ts';
import { tracingSchema, wantsTraces } from './tracing-settings.ts';

const read = (env: Record<string, string>) => readConfig(tracingSchema, env);
const wants = (env: Record<string, string>): boolean => {
  const reading = read(env);
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return wantsTraces(reading.config);
};

test('traces are wanted where they have somewhere to go and are not disabled', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  expect(wants({})).toBe(false);
  expect(wants({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' })).toBe(false);
  expect(wants(endpoint)).toBe(true);
  expect(wants({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example.com/in' })).toBe(true);
  expect(wants({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' })).toBe(false);
});

test('each setting that cannot be used is named', () => {
  const reading = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:4318',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization',
    OTEL_SDK_DISABLED: 'perhaps',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_TRACES_SAMPLER_ARG: '2',
    TRACE_HEADERS_TO: 'mcp.example.com,https://example.com/',
  });
  expect(reading.ok ? [] : reading.problems.map((problem) => problem.split(':')[0])).toEqual([
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_SDK_DISABLED',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
    'TRACE_HEADERS_TO',
  ]);
});

test('headers are read with their escapes, and are secrets', () => {
  const reading = read({ OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2, x-tenant=a=b' });
  expect(reading).toMatchObject({
    ok: true,
    config: { OTEL_EXPORTER_OTLP_HEADERS: { authorization: 'Bearer hunter2', 'x-tenant': 'a=b' } },
  });
  expect(JSON.stringify(maskSecrets(reading.ok ? reading.config : null))).not.toContain('hunter2');
});

test('a host is told of a trace when it is named, with its port or without, or lies under a name', () => {
  const told = ['mcp.example.com', '127.0.0.1:8080', '*.corp.example', '[::1]'];
  for (const host of ['mcp.example.com', 'MCP.example.com:443', '127.0.0.1:8080', 'a.corp.example', 'a.b.corp.example:99', '[::1]:80'])
    expect(isToldTraces(host, told), host).toBe(true);
  for (const host of [
    'example.com',
    'evil-mcp.example.com',
    'mcp.example.com.evil.test',
    '127.0.0.1',
    '127.0.0.1:80',
    'corp.example',
    'evilcorp.example',
  ])
    expect(isToldTraces(host, told), host).toBe(false);
  expect(isToldTraces('mcp.example.com', [])).toBe(false);
});
