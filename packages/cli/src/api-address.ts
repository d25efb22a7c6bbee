/** Where commands find the API, and who they are there. */
import { loadConfig } from '@countersign/service';
import { z } from 'zod';

const clientSchema = z.object({
  COUNTERSIGN_URL: z
    .string()
    .regex(/^https?:\/\/[^/]+/, 'must be the address of the API, like http://127.0.0.1:3000')
    .default('http://127.0.0.1:3000'),
  COUNTERSIGN_API_KEY: z.string().optional(),
});

export interface ApiAddress {
  url: string;
  /** of an API key, or a token; undefined: none */
  secret: string | undefined;
}

/** From COUNTERSIGN_URL and COUNTERSIGN_API_KEY. Throws a ConfigError. */
export function apiAddress(env: NodeJS.ProcessEnv): ApiAddress {
  const { COUNTERSIGN_URL, COUNTERSIGN_API_KEY } = loadConfig(clientSchema, env);
  return { url: COUNTERSIGN_URL.replace(/\/+$/, ''), secret: COUNTERSIGN_API_KEY };
}
