import { describe, expect, test } from 'vitest';
import { leaseCosts } from './lease-costs.ts';
import { mean, quartersOf, type Quarter } from './quarters.ts';
import { VaultSimulation } from './vault-simulation.ts';

/** As `npm run simulate`, smaller: the shares of pages mean little with chunks of 4 KiB, those of packs do. */
const small = { files: 250, fileBytes: 4_096, churn: 0.01, keepDays: 35 };

describe('a vault of daily points of a source of which 1 % changes every day', () => {
  test('holds less than 1.6 times what its points need, does not grow, and costs little to lease for a year', async () => {
    const simulation = new VaultSimulation(small);

    const quarters = await Array.fromAsync(quartersOf(simulation, 4));

    const steady = quarters.slice(1);
    for (const { quarter, packs } of steady) expect(packs, `quarter ${quarter}`).toBeLessThan(1.6);
    const [second, , last] = steady as [Quarter, Quarter, Quarter];
    expect(last.packs).toBeLessThan(second.packs * 1.05);
    expect(last.pages).toBeLessThan(second.pages * 1.15);
    const costs = leaseCosts(simulation.calls, mean(quarters.map(({ meanPackCount }) => meanPackCount)), 364);
    console.info(
      `one year: ${simulation.calls.of('store.extendLock')} PutObjectRetention, ` +
        `${costs.requestsPerPackAndGeneration.toFixed(2)} a pack and generation, ` +
        `$${costs.perTiBMonth.toFixed(3)} per TiB and month`,
    );
    expect(costs.requestsPerPackAndGeneration).toBeLessThanOrEqual(1);
    expect(costs.requestsPerPackAndGeneration).toBeGreaterThan(0.1);
    expect(costs.perTiBMonth).toBeLessThan(0.25);
    expect(await simulation.countWrong()).toBe(0);
  });

  test('holds far more, and ever more, without copying out of mostly dead packs', async () => {
    const simulation = new VaultSimulation({ ...small, files: 150, policy: { copyBelow: 0 } });

    const [first, second, third] = await Array.fromAsync(quartersOf(simulation, 3));

    expect(first?.packs).toBeLessThan(1.6);
    expect(second?.packs).toBeGreaterThan(1.6);
    expect(third?.packs).toBeGreaterThan((second?.packs ?? 0) * 1.1);
  });
});

test('the blocks of a volume, of which some change every day, are what they were for two months', async () => {
  const simulation = new VaultSimulation({ ...small, files: 40, churn: 0.05, isVolume: true });

  for (let day = 0; day < 60; day += 1) await simulation.runDay();

  const { packs, ideal } = await simulation.measure();
  expect(packs).toBeLessThan(2 * ideal);
  expect(await simulation.countWrong()).toBe(0);
});

test('no request is made for a lease on days on which none is short', async () => {
  const simulation = new VaultSimulation({ ...small, files: 20 });
  await simulation.runDay();
  simulation.calls.reset();

  await simulation.runDay();
  await simulation.runDay();

  expect(simulation.calls.of('store.extendLock')).toBeLessThanOrEqual(3);
  expect(simulation.calls.of('store.extendLock pages')).toBe(0);
});
