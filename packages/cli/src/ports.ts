/** Ports on this machine's loopback interface. */
import { once } from 'node:events';
import { createServer } from 'node:net';

async function tryPort(port: number, host: string): Promise<number> {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error(`no port on ${host}`);
  return address.port;
}

/** The port itself when nobody has it; for 0 a free one. Throws an Error that says what to do when it is taken. */
export async function availablePort(port: number, host: string): Promise<number> {
  try {
    return await tryPort(port, host);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') throw new Error(`port ${port} on ${host} is in use; set PORT to another one, or to 0 for a free one`);
    if (code === 'EACCES') throw new Error(`port ${port} on ${host} may not be used by this user; set PORT to one above 1023`);
    throw error;
  }
}
