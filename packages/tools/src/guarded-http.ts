/** Requests to allowed addresses alone. Loaded by the first of them: it is large, and many processes never make one. */
import { isIP } from 'node:net';
import { type AddressCheck, AddressRefusedError, guardedLookup } from './network-guard.ts';
import { Agent, buildConnector, type Dispatcher } from './undici.ts';
import { unpausedResponses } from './unpaused-responses.ts';

export { fetch, request } from './undici.ts';

/** An HTTP agent that connects to allowed addresses alone. It keeps no connection: the next one is checked anew. */
export function guardedAgent(isAllowed: AddressCheck, { maxBytes }: { maxBytes: number }): Dispatcher {
  const connect = buildConnector({ lookup: guardedLookup(isAllowed) as never });
  const agent = new Agent({
    pipelining: 0,
    connect(options, callback) {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      // No name, so nothing is looked up.
      if (isIP(host) !== 0 && !isAllowed(host)) callback(new AddressRefusedError(host, [host]), null);
      else connect(options, callback);
    },
  });
  return agent.compose(unpausedResponses(maxBytes));
}
