/**
 * A proxy for one TCP connection after the other, between services and Redis, that does to them what networks do. It knows
 * nothing of what passes, but for one thing: that an answer follows a request.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** how many connections are open through it */
  readonly connections: number;
  /** Every chunk takes this much longer, in ms, each way; 0 ends that. Order is kept. */
  delay(ms: number): void;
  /** Nothing passes, in neither direction, and nobody is told; what was sent meanwhile passes once that ends. New connections are accepted and hear nothing. */
  blackHole(on: boolean): void;
  /** Ends the server's side of every connection; the client's stays open and hears nothing more, like after a peer's power loss. New connections work. */
  halfOpen(): number;
  /** Breaks every connection with an RST. New connections work. */
  reset(): number;
  /** New connections are refused, those that exist are reset, until that ends. */
  refuse(on: boolean): void;
  /**
   * Of the next connection on which a request passes that holds `marker`, the request reaches the server and the answer is
   * lost: the connection breaks when the answer comes. Resolves with true once that has happened, and with false when the
   * signal comes first: then no reply is lost any more.
   */
  dropReply(marker: string | Buffer, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

interface Drop {
  marker: Buffer;
  done(): void;
}

interface Link {
  client: Socket;
  server: Socket;
  /** the end of a request chunk, in which a marker may begin */
  tail: Buffer;
  /** set once the request has passed: the next answer breaks the connection */
  drop: Drop | null;
}

/** Listens on a free port of the loopback and passes everything on to `target` (a port of the loopback). */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  const links = new Set<Link>();
  /** clients whose servers have vanished */
  const orphans = new Set<Socket>();
  const drops: Drop[] = [];
  let delayMs = 0;
  let isHole = false;
  let isRefusing = false;
  let open: () => void = () => {};
  let passage: Promise<void> = Promise.resolve();

  /** Whether a marker passes in this chunk, also when it is cut by the border between two. */
  const marks = (link: Link, chunk: Buffer): Drop | undefined => {
    if (drops.length === 0) return undefined;
    const text = Buffer.concat([link.tail, chunk]);
    const longest = Math.max(...drops.map(({ marker }) => marker.length));
    link.tail = Buffer.from(text.subarray(Math.max(0, text.length - longest + 1)));
    const at = drops.findIndex(({ marker }) => text.includes(marker));
    return at === -1 ? undefined : drops.splice(at, 1)[0];
  };

  const end = (link: Link, how: 'end' | 'reset'): void => {
    if (!links.delete(link)) return;
    // It broke before the answer came, which is lost all the same.
    link.drop?.done();
    for (const socket of [link.client, link.server]) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  };
  const loseReply = (link: Link, drop: Drop): void => {
    links.delete(link);
    link.client.resetAndDestroy();
    // Not reset: what was sent before is still read, and so carried out.
    link.server.removeAllListeners('data').resume().end();
    drop.done();
  };

  /** Chunks of one direction pass one after the other, each when it may. */
  const pipe = (link: Link, from: Socket, to: Socket, look: (chunk: Buffer) => boolean): void => {
    let turn = Promise.resolve();
    const inTurn = (act: () => void): void => {
      const dueAt = performance.now() + delayMs;
      from.pause();
      turn = turn.then(async () => {
        await passage;
        const waitMs = dueAt - performance.now();
        if (delayMs > 0 && waitMs > 0) await new Promise((next) => setTimeout(next, waitMs));
        act();
        from.resume();
      });
    };
    from.on('data', (chunk) =>
      inTurn(() => {
        if (links.has(link) && !to.destroyed && look(chunk)) to.write(chunk);
      }),
    );
    from.on('end', () => inTurn(() => end(link, 'end')));
    from.on('error', () => inTurn(() => end(link, 'reset')));
  };

  const server = createServer((client) => {
    const onward = connect({ port: target(), host: '127.0.0.1' });
    for (const socket of [client, onward]) socket.setNoDelay(true);
    const link: Link = { client, server: onward, tail: Buffer.alloc(0), drop: null };
    links.add(link);
    pipe(link, client, onward, (chunk) => {
      const drop = marks(link, chunk);
      if (drop !== undefined) link.drop = drop;
      return true;
    });
    pipe(link, onward, client, () => {
      if (link.drop === null) return true;
      loseReply(link, link.drop);
      return false;
    });
  });

  let port = 0;
  const listen = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  await listen();

  const all = (act: (link: Link) => void): number => {
    const now = [...links];
    for (const link of now) act(link);
    return now.length;
  };
  return {
    get port() {
      return port;
    },
    get connections() {
      return links.size;
    },
    delay(ms) {
      delayMs = ms;
    },
    blackHole(on) {
      if (on === isHole) return;
      isHole = on;
      if (on) {
        passage = new Promise((resolve) => {
          open = resolve;
        });
      } else open();
    },
    halfOpen: () =>
      all((link) => {
        // The client hears nothing of it: not an end, not a reset, and its own bytes go nowhere.
        links.delete(link);
        orphans.add(link.client);
        link.client.removeAllListeners('data').resume();
        link.client.once('close', () => orphans.delete(link.client));
        link.server.removeAllListeners('data').removeAllListeners('end').destroy();
      }),
    reset: () => all((link) => end(link, 'reset')),
    refuse(on) {
      if (on === isRefusing) return;
      isRefusing = on;
      if (on) {
        server.close();
        all((link) => end(link, 'reset'));
      } else void listen();
    },
    dropReply: (marker, signal) =>
      new Promise((resolve) => {
        const drop = { marker: Buffer.from(marker), done: () => resolve(true) };
        drops.push(drop);
        signal?.addEventListener('abort', () => {
          const at = drops.indexOf(drop);
          if (at !== -1) drops.splice(at, 1);
          resolve(false);
        });
      }),
    async close() {
      open();
      for (const link of [...links]) end(link, 'reset');
      for (const client of orphans) client.destroy();
      if (server.listening) {
        server.close();
        await once(server, 'close');
      }
    },
  };
}
