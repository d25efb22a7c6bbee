/** A server that is told by webhooks how plans end, and that is at times as bad as servers are. */
import type { WebhookMessage } from '@countersign/shared';
import { Webhook } from 'standardwebhooks';
import type { Random } from '../random.ts';
import { type Receiver, type ReceiverAnswer, startReceiver } from '../webhooks/receiver.ts';

export interface Told {
  url: string;
  /** From now on signatures are held against it. */
  learn(secret: string): void;
  /** Ids of the events that it was told of, each under a signature that is right. */
  events(): ReadonlySet<string>;
  /** messages that came with a wrong signature */
  forged(): number;
  /** how many messages came, those that came again included */
  messages(): number;
  close: Receiver['close'];
}

/** What somebody gets who tells of something for the first time; the next time it is taken. */
const FIRST_ANSWERS: readonly (readonly [weight: number, answer: ReceiverAnswer])[] = [
  [12, 204],
  [3, 500],
  [1, 429],
  [1, { status: 302, headers: { location: 'http://127.0.0.1:1/elsewhere' } }],
  [0.3, 'hang'],
];

export async function startTold(random: Random): Promise<Told> {
  const events = new Set<string>();
  const known = new Set<string>();
  let secret = '';
  let [forged, messages] = [0, 0];
  const receiver = await startReceiver(({ headers, body }) => {
    messages++;
    try {
      const { data } = new Webhook(secret).verify(body, headers as Record<string, string>) as WebhookMessage;
      const id = String(headers['webhook-id']);
      const isNew = !known.has(id);
      known.add(id);
      const answer = isNew ? random.weighted(FIRST_ANSWERS) : 204;
      if (answer === 204) events.add(String(data.eventId));
      return answer;
    } catch {
      forged++;
      return 400;
    }
  });
  return {
    url: receiver.url,
    learn(given) {
      secret = given;
    },
    events: () => events,
    forged: () => forged,
    messages: () => messages,
    close: receiver.close,
  };
}
