import { describe, expect, test } from 'vitest';
import { exhaustiveScenarios } from './exhaustive.ts';
import { explore } from './explorer.ts';
import { seedsOf } from '../thoroughness.ts';
import { walkRandomly } from './random-walk.ts';

describe('every interleaving of', () => {
  test.each(exhaustiveScenarios.filter(({ inGate }) => inGate))(
    '$title, keeps every promise',
    async ({ make }) => {
      const { fault, complete, states, transitions, depth, seconds } = await explore(await make(), {
        order: 'depth',
      });

      console.log(`${states} states, ${transitions} transitions, depth ${depth}, ${seconds.toFixed(1)} s`);
      expect(fault).toBeUndefined();
      expect(complete).toBe(true);
    },
  );
});

describe('weeks of whole runs, maintenance, holds, faults and lost tables', () => {
  test.each(seedsOf(1))('keeps every promise (seed %i)', async (seed) => {
    const report = await walkRandomly(seed, 16);

    console.log(JSON.stringify(report));
    expect(report.committed).toBeGreaterThan(10);
    expect(report.restored).toBeGreaterThan(10);
  });
});
