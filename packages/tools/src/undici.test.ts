import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const BUILT = new URL('../dist/index.js', import.meta.url).href;

/** A process of its own, because which undici comes first is decided once; the first request of a tool loads that of tools. Prints how many bytes it read of each answer. */
const PROGRAM = `
  import { once } from 'node:events';
  import { createServer } from 'node:net';
  const { guardedPost } = await import(${JSON.stringify(BUILT)});
  await guardedPost(() => false)({ url: 'http://127.0.0.1:9', headers: {}, body: '', timeoutMs: 1000 });
  const body = 'x'.repeat(900_000);
  for (const framing of ['Content-Length: 900000\\r\\n', '']) {
    const server = createServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n' + framing + '\\r\\n' + body)),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { body: answer } = await fetch('http://127.0.0.1:' + server.address().port);
    let bytes = 0;
    for await (const piece of answer) {
      bytes += piece.length;
      await new Promise((next) => setTimeout(next, 5));
    }
    console.log(bytes);
    server.close();
  }
`;

test('a server that closes the connection behind a large answer does not end a process that has tools and asks it with fetch', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  expect(stdout).toBe('900000\n900000\n');
});
