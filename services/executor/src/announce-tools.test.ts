import { openStore, type Store } from '@countersign/store';
import { defineTool, type Tool } from '@countersign/tools';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { type Announcement, announceTools } from './announce-tools.ts';
import { waitMs } from './persist.ts';

const redis = useTestRedis();
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const persistence = { wait: waitMs, givenUp: () => false, onRetry() {} };
const tool = (description: string): Tool =>
  defineTool({ name: 'mail.send', description, risk: 'write', input: z.object({}), run: () => null });

let store: Store;
let announcement: Announcement;
let tools: Map<string, Tool>;
/** What the announcement listens with. */
let changed: () => void;
let listening: boolean;
beforeEach(async () => {
  store = openStore({ redis: { url: redis.url } });
  tools = new Map([['mail.send', tool('first')]]);
  const toolbox = {
    tools,
    conditions: new Map(),
    onChange(listener: () => void) {
      changed = listener;
      listening = true;
      return () => {
        listening = false;
      };
    },
  };
  announcement = await announceTools(toolbox, { store, queues: [], persistence, logger });
});
afterEach(() => store.close());

const announced = async (): Promise<string[]> => (await store.listTools()).map(({ description }) => description);

function change(description: string): void {
  tools.set('mail.send', tool(description));
  changed();
}

test('tools are announced at once, and again when they change; of many changes the last one stands', async () => {
  expect(await announced()).toEqual(['first']);
  change('second');
  await expect.poll(announced).toEqual(['second']);
  for (let i = 0; i < 50; i++) change(`change ${i}`);
  await announcement.stop();
  expect(await announced()).toEqual(['change 49']);
  expect(listening).toBe(false);
});

test('a tool that is gone is taken back, and announced again when it comes again; those of other executors stay', async () => {
  const other = defineTool({ name: 'other.tool', description: 'of another', risk: 'read', input: z.object({}), run: () => null });
  await store.announceTools([other.contract]);
  tools.delete('mail.send');
  changed();
  await expect.poll(announced).toEqual(['of another']);
  change('again');
  await expect.poll(announced).toEqual(['again', 'of another']);
  await announcement.stop();
});
