/** The settings by which a process finds its model. */
import { z } from 'zod';
import { createModel, type Model } from './model.ts';

const price = z.coerce.number().min(0).max(100_000);

const schema = z.object({
  OPENAI_API_KEY: z.string().min(1).optional(),
  OPENAI_BASE_URL: z.url({ protocol: /^https?$/, error: 'must be a URL like https://host/v1' }).optional(),
  OPENAI_MODEL: z.string().min(1).default('gpt-4.1'),
  /** milliseconds that one answer of the model may take */
  OPENAI_TIMEOUT_MS: z.coerce.number().int().min(1).max(3_600_000).default(120_000),
  /** US dollars per million tokens, both or none */
  OPENAI_INPUT_PRICE: price.optional(),
  OPENAI_OUTPUT_PRICE: price.optional(),
});

export type ModelSettings = z.output<typeof schema>;

/** For the schema of a service that may have a model; `checkModelSettings` goes with it. */
export const modelSettings = schema.shape;

/** What a schema can't say of a single setting. */
export function checkModelSettings(
  { OPENAI_INPUT_PRICE: input, OPENAI_OUTPUT_PRICE: output }: Partial<ModelSettings>,
  context: Pick<z.core.$RefinementCtx, 'addIssue'>,
): void {
  if ((input === undefined) === (output === undefined)) return;
  const [missing, given] = input === undefined ? ['INPUT', 'OUTPUT'] : ['OUTPUT', 'INPUT'];
  context.addIssue({
    code: 'custom',
    path: [`OPENAI_${missing}_PRICE`],
    message: `must be set where OPENAI_${given}_PRICE is, or neither of them`,
  });
}

/** Null where neither a key nor a server is set. */
export function modelFrom(settings: ModelSettings): Model | null {
  const { OPENAI_API_KEY: apiKey = null, OPENAI_BASE_URL: baseUrl = null } = settings;
  if (apiKey === null && baseUrl === null) return null;
  const { OPENAI_INPUT_PRICE: input, OPENAI_OUTPUT_PRICE: output } = settings;
  return createModel({
    apiKey,
    baseUrl,
    model: settings.OPENAI_MODEL,
    timeoutMs: settings.OPENAI_TIMEOUT_MS,
    prices: input === undefined || output === undefined ? null : { input, output },
  });
}
