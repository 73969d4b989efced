import type { VaultSimulation } from './vault-simulation.ts';

const quarterDays = 91;
const measureEveryDays = 7;

/** A quarter of a simulated vault. Sizes are shares of what the points that have not expired need. */
export interface Quarter {
  /** Counted from 1. */
  readonly quarter: number;
  /** Packs of chunks, on average and at most. */
  readonly packs: number;
  readonly mostPacks: number;
  readonly pages: number;
  /** Everything in the bucket. */
  readonly stored: number;
  /** Packs of chunks, counted. */
  readonly meanPackCount: number;
}

/** Runs a simulation day by day and sums up each quarter. */
export async function* quartersOf(simulation: VaultSimulation, quarters: number): AsyncGenerator<Quarter> {
  for (let quarter = 1; quarter <= quarters; quarter += 1) {
    const sizes: Awaited<ReturnType<VaultSimulation['measure']>>[] = [];
    for (let day = 1; day <= quarterDays; day += 1) {
      await simulation.runDay();
      if (day % measureEveryDays === 0) sizes.push(await simulation.measure());
    }
    const shares = sizes.map(({ ideal, packs }) => packs / ideal);
    yield {
      quarter,
      packs: mean(shares),
      mostPacks: Math.max(...shares),
      pages: mean(sizes.map(({ ideal, pages }) => pages / ideal)),
      stored: mean(sizes.map(({ ideal, stored }) => stored / ideal)),
      meanPackCount: mean(sizes.map(({ packCount }) => packCount)),
    };
  }
}

/** The average of at least one number. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
