/**
 * `npm run bench -- locks`: for each choice of lock, renewal and check, how soon the steps of a killed executor run elsewhere,
 * which blocks of an event loop cost locks, and how much is sent for it. Takes about three minutes for each choice.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { blocksAndKills, cost, starve } from './measurements.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    times: { type: 'string', default: '8000/2000/4000,6000/1000/3000,8000/1000/2000,10000/1000/2000,10000/2000/3000,12000/2000/2000' },
    blocks: { type: 'string', default: '1000,3000,5000,6000,8000' },
    loops: { type: 'string', default: '16' },
  },
});

/**
 * ms from a kill right after a renewal until its step is handed out again. A check marks what it finds, the next one takes what is
 * still marked and has no lock. A worker may find the last check too recent by a moment, its own one too: then it waits for another
 * round.
 */
function worstCase(times) {
  const [lock, , check] = times.split('/').map(Number);
  return Math.max(lock, 2 * check) + 2 * check;
}

let drawn = 0;
/** from 0 to 1, the same ones for the same seed */
const random = () => createHash('sha256').update(`${values.seed} ${drawn++}`).digest().readUInt32BE(0) / 2 ** 32;
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const seconds = (ms) => (ms / 1_000).toFixed(1);

const blocks = values.blocks.split(',').map(Number);
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

console.log(`seed ${values.seed}; steps called again for each block: waiting ones + the one that blocks + short ones\n`);
row(
  ...['lock/renew/check', 'worst case', 'killed: p50', 'max', 'may block'],
  ...blocks.map((ms) => `blocked ${ms / 1_000} s`),
  ...['commands/s idle', 'with 30 steps', `${values.loops} busy loops`],
);
row(...Array.from({ length: 8 + blocks.length }, () => '---'));
for (const times of values.times.split(',')) {
  const [lock, renew] = times.split('/').map(Number);
  const { blocked, took } = await blocksAndKills(times, { blocks, random });
  const { idle, busy } = await cost(times);
  const starved = await starve(times, { loops: Number(values.loops), forMs: 12_000 });
  took.sort((one, other) => one - other);
  row(
    times,
    `${seconds(worstCase(times))} s`,
    `${seconds(quantile(took, 0.5))} s`,
    `${seconds(took.at(-1))} s of ${took.length}`,
    `${seconds(lock - renew)} s`,
    ...blocked.map(({ hold, block, short }) => (hold + block + short === 0 ? '0' : `${hold} + ${block} + ${short}`)),
    idle.toFixed(1),
    busy.toFixed(1),
    starved,
  );
}
