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

test('goes to the one that has waited longest, however rarely it looks', async () => {
  for (const holder of ['a', 'b', 'old']) await take(holder);
  clock.advance(10 * minute);
  await Promise.all(['a', 'b'].map(take));
  await take('fresh');
  await endTurn(services, { name: 'copy-images', holder: 'a' });

  expect(await take('fresh')).toBe('wait');
  expect(await take('old')).toBe('taken');
  await endTurn(services, { name: 'copy-images', holder: 'b' });

  expect(await take('fresh')).toBe('taken');
});

test('goes past one that waits no more, whether it says so or is not heard of', async () => {
  for (const holder of ['a', 'b', 'failed', 'lost']) await take(holder);
  clock.advance(1);
  await take('last');
  await endTurn(services, { name: 'copy-images', holder: 'failed' });
  clock.advance(20 * minute);
  await Promise.all(['a', 'b', 'last'].map(take));
  await endTurn(services, { name: 'copy-images', holder: 'a' });
  expect(await take('last')).toBe('wait');
  clock.advance(11 * minute);

  expect(await take('last')).toBe('taken');
});

test('is waited for from the first look, although each look holds on to the place', async () => {
  for (const holder of ['a', 'b', 'old']) await take(holder);
  clock.advance(minute);
  await take('later');
  for (let looks = 0; looks < 6; looks += 1) {
    clock.advance(20 * minute);
    await Promise.all(['a', 'b', 'old', 'later'].map(take));
  }
  await endTurn(services, { name: 'copy-images', holder: 'a' });

  expect(await take('later')).toBe('wait');
  expect(await take('old')).toBe('taken');
});
