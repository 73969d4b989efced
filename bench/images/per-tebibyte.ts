import type { RunCost } from './cost-of-run.ts';

const blocksOfTebibyte = 2 ** 21;

/**
 * A run over a volume of a TiB, from runs over two smaller ones: what does not grow with the volume is counted once.
 * @param sizes - blocks of the smaller and the larger one.
 */
export function perTebibyte([few, many]: readonly [number, number], small: RunCost, large: RunCost): RunCost {
  const grow = (one: number, other: number): number =>
    one + ((other - one) / (many - few)) * (blocksOfTebibyte - few);
  const growAll = (
    one: Readonly<Record<string, number>>,
    other: Readonly<Record<string, number>>,
  ): Record<string, number> =>
    Object.fromEntries(Object.entries(other).map(([name, value]) => [name, grow(one[name] ?? 0, value)]));
  return {
    readBytes: grow(small.readBytes, large.readBytes),
    storedBytes: grow(small.storedBytes, large.storedBytes),
    cpuSeconds: grow(small.cpuSeconds, large.cpuSeconds),
    gibibyteSeconds: grow(small.gibibyteSeconds, large.gibibyteSeconds),
    transitions: grow(small.transitions, large.transitions),
    requests: growAll(small.requests, large.requests),
    dollars: growAll(small.dollars, large.dollars),
  };
}
