/** Commands that were given up are not sent later. */
import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis-clients.ts';

type Sent = Parameters<Redis['sendCommand']>;

/**
 * A client keeps what it could not send, and what it has no answer to, for its next connection, however long that takes. By
 * then the command's time may be up, and whoever asked for it was told that it failed: what a person has given up must not
 * be carried out minutes later. So only what somebody still waits for is sent again.
 */
export function sendNothingLate<Client extends RedisClient>(client: Client): Client {
  if (client instanceof Cluster) client.on('+node', watch);
  else watch(client as Redis);
  return client;
}

function watch(client: Redis): void {
  const sentWith = new WeakMap<Sent[0], Sent[1]>();
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    // With another stream it is not the client that sends again, but a cluster that tries another node.
    if (!sentWith.has(command) || sentWith.get(command) !== stream) {
      sentWith.set(command, stream);
      return send(command, stream);
    }
    if (command.isSettled) return command.promise;
    // By itself: the others that shared a write with it may have been given up.
    return send(command);
  };
}
