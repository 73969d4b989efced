import { beforeEach, expect, test } from 'vitest';
import { endTurn, takeTurn } from '../../src/rates/turns.ts';
import { FakeClock, MemorySharedRecords, SeededRandom } from '../../src/testing/index.ts';

const minute = 60_000;
let clock: FakeClock;
let services: Parameters<typeof takeTurn>[0];

beforeEach(() => {
  clock = new FakeClock();
  services = { shared: new MemorySharedRecords(), clock, random: new SeededRandom('turns') };
});

function take(holder: string): Promise<'taken' | 'wait'> {
  const until = new Date(clock.now().getTime() + 30 * minute);
  return takeTurn(services, { name: 'copy-images', holder, most: 2, until });
}

test('has room for so many at once, and for the next when one ends', async () => {
  expect(await Promise.all(['a', 'b'].map(take))).toEqual(['taken', 'taken']);
  expect(await take('c')).toBe('wait');

  await endTurn(services, { name: 'copy-images', holder: 'a' });

  expect(await take('c')).toBe('taken');
});

test('of many who come at once lets in as many as there is room for', async () => {
  const outcomes = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(take));

  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(2);
});

test('ends by itself when nobody holds on to it', async () => {
  await take('a');
  await take('b');
  clock.advance(20 * minute);
  await take('b');
  clock.advance(20 * minute);

  expect(await take('c')).toBe('taken');
  expect(await take('d')).toBe('wait');
});

test('is kept by who has it', async () => {
  await take('a');
  await take('b');

  expect(await take('a')).toBe('taken');
});
