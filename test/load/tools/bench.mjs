/** Tools that do nothing but say when they were called and when they were done: ms since 1970, with fractions. */
const now = () => performance.timeOrigin + performance.now();

export const noop = {
  name: 'bench.noop',
  description: 'Does nothing.',
  risk: 'read',
  inputSchema: { type: 'object' },
  run: () => ({}),
};

export const stamp = {
  name: 'bench.stamp',
  description: 'Does nothing and says when.',
  risk: 'read',
  inputSchema: { type: 'object' },
  run: () => ({ called: now(), returned: now() }),
};
