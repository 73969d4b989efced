import type { SampleUnit, Stratum } from './unit-sampler.ts';

/** Most that a sample may read of a source. */
export interface SampleLimits {
  readonly requests: number;
  readonly bytes: number;
}

/**
 * Divides the limits among strata, half of them by bytes and half evenly: much content is looked at more closely, and of
 * every size there is something. What a stratum does not need is left to the others.
 * @returns for each stratum the units to read, a random sample of it.
 */
export function chooseUnits(
  strata: readonly Stratum[],
  limits: SampleLimits,
): readonly (readonly SampleUnit[])[] {
  const total = strata.reduce((sum, { bytes }) => sum + bytes, 0);
  const shares = strata.map(({ bytes }) => (bytes / total + 1 / strata.length) / 2);
  const left = { ...limits };
  let shareLeft = 1;
  const chosen: SampleUnit[][] = strata.map(() => []);
  // Those that need the smallest part of their share come first.
  const needs = strata.map(({ units }, at) => units.length / (shares[at] ?? 1));
  const order = strata.map((_, at) => at).sort((a, b) => (needs[a] ?? 0) - (needs[b] ?? 0));
  for (const at of order) {
    const share = (shares[at] ?? 0) / shareLeft;
    const most = { requests: left.requests * share, bytes: left.bytes * share };
    let bytes = 0;
    for (const unit of strata[at]?.units ?? []) {
      if ((chosen[at]?.length ?? 0) + 1 > most.requests || bytes + unit.bytes > most.bytes) break;
      chosen[at]?.push(unit);
      bytes += unit.bytes;
    }
    left.requests -= chosen[at]?.length ?? 0;
    left.bytes -= bytes;
    shareLeft -= shares[at] ?? 0;
  }
  return chosen;
}
