/** What llm.generate needs of a language model. An executor gives it one where a model is configured. */
import type { Json, JsonObject, Usage } from '@countersign/shared';

export interface ModelMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

interface Question {
  messages: readonly ModelMessage[];
  maxTokens?: number | undefined;
  temperature?: number | undefined;
  signal: AbortSignal;
}

/** `usage` is null where no answer came. */
interface Failure {
  ok: false;
  error: { code: string; message: string; retryable: boolean };
  usage: Usage | null;
}

/** Neither call rejects for what a server or a model does. */
export interface LanguageModel {
  readonly name: string;
  write(question: Question): Promise<{ ok: true; text: string; usage: Usage } | Failure>;
  /** Asks for a JSON object; it may not fit the schema. `raw` is the text as it came. */
  complete(
    question: Question & { schema: { name: string; schema: JsonObject } },
  ): Promise<{ ok: true; value: Json; raw: string; usage: Usage } | (Failure & { raw: string | null })>;
}
