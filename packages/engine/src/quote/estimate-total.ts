import { sum } from '../sum.ts';

/** A number that was estimated: with a chance of about 95 % it lies between the two ends. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

interface MeasuredUnit {
  readonly bytes: number;
  readonly storedBytes: number;
}

export interface MeasuredStratum {
  /** Bytes of all that the stratum has. */
  readonly bytes: number;
  readonly units: readonly MeasuredUnit[];
  /** Nothing of the stratum is missing among the units. */
  readonly isWhole: boolean;
}

/** Share of a stratum's bytes by which the estimate may be wrong, either way, where no more than one unit was read. */
const unknownShare = 1 / 4;

/**
 * Estimates what all strata take up by the ratio of stored bytes to bytes in a random sample of each: the ratio estimator
 * of stratified samples, with its variance, and the quantile of Student's distribution for the degrees of freedom that
 * Satterthwaite gives.
 * @see Cochran, Sampling Techniques, 3rd edition, chapter 6
 */
export function estimateTotal(strata: readonly MeasuredStratum[]): Estimate {
  const parts = strata.map(estimateStratum);
  const value = sum(parts.map((part) => part.value));
  const variance = sum(parts.map((part) => part.variance));
  const freedom = variance ** 2 / sum(parts.map((part) => part.variance ** 2 / part.freedom));
  const margin = variance === 0 ? 0 : (1.96 + 2.5 / freedom) * Math.sqrt(variance);
  const found = sum(strata.flatMap(({ units }) => units.map(({ storedBytes }) => storedBytes)));
  return { value, low: Math.max(found, value - margin), high: value + margin };
}

function estimateStratum({ bytes, units, isWhole }: MeasuredStratum): {
  readonly value: number;
  readonly variance: number;
  readonly freedom: number;
} {
  const [read, stored] = [sum(units.map((unit) => unit.bytes)), sum(units.map((unit) => unit.storedBytes))];
  if (isWhole) return { value: stored, variance: 0, freedom: 1 };
  const ratio = read === 0 ? 1 : stored / read;
  const value = bytes * ratio;
  if (units.length < 2) return { value, variance: (bytes * unknownShare) ** 2, freedom: 10 };
  const freedom = units.length - 1;
  const squares = sum(units.map((unit) => (unit.storedBytes - ratio * unit.bytes) ** 2));
  const unread = Math.max(0, 1 - read / bytes);
  return { value, variance: unread * (bytes / read) ** 2 * squares * (units.length / freedom), freedom };
}
