/** The settings of traces: OpenTelemetry's own variables, of which these are read here, and one of ours. */
import { z } from 'zod';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const endpoint = z.url({ protocol: /^https?$/, error: 'must be the URL of a receiver of OTLP over HTTP, like http://127.0.0.1:4318' });

/** `name=value,name=value`, with %-escapes in the values. */
const headers = z.string().transform((text, context) => {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  try {
    return Object.fromEntries(
      pairs.map((pair) => {
        const [name = '', ...value] = pair.split('=');
        if (name.trim() === '' || value.length === 0) throw new Error('no pair');
        return [name.trim(), decodeURIComponent(value.join('=').trim())];
      }),
    );
  } catch {
    context.addIssue({ code: 'custom', message: 'must be headers like name=value, comma-separated, with %-escapes in the values' });
    return z.NEVER;
  }
});

const HOST = /^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?$|^\[[0-9a-f:]+\](?::\d{1,5})?$/;

const hosts = z.string().transform((text, context) => {
  const given = text
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '');
  for (const host of given) {
    if (HOST.test(host)) continue;
    context.addIssue({
      code: 'custom',
      message: `${JSON.stringify(host)} is no host like mcp.example.com, mcp.example.com:8080 or *.example.com`,
    });
  }
  return given;
});

const schema = z.object({
  /** where spans go, `/v1/traces` under it; without this and the next one nothing is traced */
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.optional(),
  /** the same as a whole URL; goes before it */
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint.optional(),
  /** sent to the receiver */
  OTEL_EXPORTER_OTLP_HEADERS: headers.optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headers.optional(),
  OTEL_SDK_DISABLED: z.stringbool('must be true or false').default(false),
  /** absent: countersign-<service> */
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: z.string().optional(),
  /** absent: parentbased_always_on */
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).optional(),
  /** of a sampler by ratio: the part of all traces that is kept */
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('must be a number from 0 to 1')
    .min(0, 'must be a number from 0 to 1')
    .max(1, 'must be a number from 0 to 1')
    .optional(),
  /** hosts that are told which trace a request belongs to; absent: none */
  TRACE_HEADERS_TO: hosts.optional(),
});

export type TracingSettings = z.output<typeof schema>;

/** For the schema of every service. */
export const tracingSettings = schema.shape;

/** As they are read for every process. */
export const tracingSchema = schema;

export const wantsTraces = (settings: TracingSettings): boolean =>
  !settings.OTEL_SDK_DISABLED && (settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined;
