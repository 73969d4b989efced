import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemorySharedRecords, SeededRandom } from '../../src/testing/index.ts';
import { Pacer } from '../../src/rates/pacer.ts';
import { SimulatedClock } from './simulated-clock.ts';

const startMs = 1_000_000_123;
const latenessMs = 50;

interface Worker {
  /** Calls under way at once, each of which takes so long. */
  readonly atOnce: number;
  readonly callMs: number;
  readonly beginsMs: number;
  /** It is killed then, and comes to no end. */
  readonly endsMs: number;
}

/** Lets workers make as many calls of one snapshot as they can. @returns the times of all calls, by worker. */
async function work(workers: readonly Worker[], account: number, forMs: number) {
  const clock = new SimulatedClock(startMs);
  const shared = new MemorySharedRecords();
  const times = workers.map((): number[] => []);
  for (const [index, { atOnce, callMs, beginsMs, endsMs }] of workers.entries()) {
    const random = new SeededRandom(`worker ${index}`);
    const pacer = new Pacer({ shared, clock, random }, 'read-block', { account, snapshot: 1000 });
    const call = async (): Promise<void> => {
      await clock.sleep(beginsMs);
      while (clock.now().getTime() < startMs + endsMs) {
        await pacer.take('snap-1');
        if (clock.now().getTime() >= startMs + endsMs) return;
        times[index]!.push(clock.now().getTime() - startMs);
        await clock.sleep(callMs);
      }
    };
    for (let lane = 0; lane < atOnce; lane += 1) void call();
  }
  await clock.run(startMs + forMs);
  return { times, requests: shared.requests };
}

function mostWithin(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let [most, first] = [0, 0];
  for (const [at, time] of sorted.entries()) {
    while (sorted[first]! <= time - windowMs) first += 1;
    most = Math.max(most, at - first + 1);
  }
  return most;
}

test('never lets more calls be made in any stretch of time than the rate allows, workers that come and vanish included', async () => {
  const worker = fc.record({
    atOnce: fc.integer({ min: 1, max: 24 }),
    callMs: fc.integer({ min: 5, max: 120 }),
    beginsMs: fc.integer({ min: 0, max: 4000 }),
    endsMs: fc.integer({ min: 1000, max: 8000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(worker, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 60, max: 500 }),
      async (workers, account) => {
        const { times } = await work(workers, account, 8000);

        for (const windowMs of [100, 1000, 2500])
          expect(mostWithin(times.flat(), windowMs)).toBeLessThanOrEqual(
            (account * (windowMs + latenessMs)) / 1000 + 2 * workers.length,
          );
      },
    ),
    { numRuns: 25 },
  );
});

test('shares the rate evenly among workers that could each use it alone, at less than one percent of their calls', async () => {
  const workers = Array.from({ length: 8 }, () => ({ atOnce: 32, callMs: 40, beginsMs: 0, endsMs: 10_000 }));

  const { times, requests } = await work(workers, 800, 10_000);

  const settled = times.map((one) => one.filter((time) => time > 3000).length);
  expect(settled.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(0.9 * 7 * 800);
  expect(Math.max(...settled) - Math.min(...settled)).toBeLessThan(0.1 * Math.max(...settled));
  // A read and a write cost $0.75 for a million together, a block $3.
  expect((requests / 2) * 0.75).toBeLessThan(0.01 * times.flat().length * 3);
});

test('leaves to others what a slow worker does not use', async () => {
  const slow = { atOnce: 1, callMs: 100, beginsMs: 0, endsMs: 10_000 };
  const fast = { atOnce: 64, callMs: 40, beginsMs: 0, endsMs: 10_000 };

  const { times } = await work([slow, fast], 400, 10_000);

  const [ofSlow, ofFast] = times.map((one) => one.filter((time) => time > 4000).length / 6);
  expect(ofSlow).toBeGreaterThan(6);
  expect(ofFast).toBeGreaterThan(330);
});

test('loses with a worker that vanishes its part of a second or two, and nothing else', async () => {
  const worker = { atOnce: 64, callMs: 40, beginsMs: 0, endsMs: 12_000 };

  const { times } = await work([worker, { ...worker, endsMs: 4000 }], 300, 12_000);

  const alone = times[0]!.filter((time) => time > 7000).length / 5;
  expect(alone).toBeGreaterThan(280);
});
