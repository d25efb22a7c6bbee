/** Ports on this machine's loopback interface. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '@countersign/store';

async function tryPort(port: number, host: string): Promise<void> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

/** The port itself when nobody has it; for 0 a free one. Throws an Error that says what to do when it is taken. */
export async function availablePort(port: number, host: string): Promise<number> {
  try {
    if (port === 0) return await freePort(host);
    await tryPort(port, host);
    return port;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') throw new Error(`port ${port} on ${host} is in use; set PORT to another one, or to 0 for a free one`);
    if (code === 'EACCES') throw new Error(`port ${port} on ${host} may not be used by this user; set PORT to one above 1023`);
    throw error;
  }
}
