/** The API as commands call it. */
import { type Client, ConnectionError, createClient } from '@countersign/client';
import type { ApiAddress } from './api-address.ts';

export interface Api {
  client: Client;
  /** The answer, or an error that says that the API cannot be reached, and where that is set. */
  told<Answer>(answer: Promise<Answer>): Promise<Answer>;
}

export function apiOf({ url, secret }: ApiAddress): Api {
  return {
    // Somebody sits before it: what does not answer is said at once.
    client: createClient({ url, apiKey: secret, retries: { maxAttempts: 1 } }),
    async told(answer) {
      try {
        return await answer;
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        throw new Error(`the API at ${url} cannot be reached (${error.message}); COUNTERSIGN_URL says where it is`, { cause: error });
      }
    },
  };
}
