import { expect, it } from 'vitest';
import { isLoopback, isLoopbackHostHeader, isLoopbackOrigin } from './loopback.ts';

it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.10', '::1', '[::1]'])('%s is the loopback', (host) => {
  expect(isLoopback(host)).toBe(true);
});

it.each(['', '0.0.0.0', '::', '10.0.0.1', '127.evil.example', 'localhost.evil.example', '1270.0.0.1', '127.0.0.1.evil.example'])(
  '%j is not the loopback',
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);

it('a Host header may have a port', () => {
  expect(['localhost:3000', '127.0.0.1', '[::1]:3000', '[::1]'].every(isLoopbackHostHeader)).toBe(true);
  expect(['evil.example', 'localhost:80@evil.example', 'localhost/..', '::1', 'localhost:x', ''].some(isLoopbackHostHeader)).toBe(false);
});

it('an Origin is that of a page; sandboxes and files have none', () => {
  expect(['http://localhost:5173', 'https://127.0.0.1', 'http://[::1]:80'].every(isLoopbackOrigin)).toBe(true);
  expect(['null', 'https://evil.example', 'http://localhost.evil.example', 'file://', 'http://user@localhost'].some(isLoopbackOrigin)).toBe(
    false,
  );
});
