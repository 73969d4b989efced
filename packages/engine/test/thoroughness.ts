const times = Number(process.env['HOLDFAST_SEEDS'] ?? 1);

/** Number of trials: so many in the gate, and `HOLDFAST_SEEDS` times as many elsewhere. */
export function triesOf(count: number): number {
  return Math.ceil(count * times);
}

/** The seeds that a property runs with: few in the gate, `HOLDFAST_SEEDS` times as many elsewhere. */
export function seedsOf(count: number): readonly number[] {
  return Array.from({ length: triesOf(count) }, (_, seed) => seed);
}

/** Every so many-th of the calls at which something goes wrong is tried; every one with `HOLDFAST_SEEDS` of `stride`. */
export function strideOf(stride: number): number {
  return Math.max(1, Math.round(stride / times));
}

/** Some of the numbers from 1 to `last`, evenly spread; all of them with `HOLDFAST_SEEDS` of at least `stride`. */
export function someOf(last: number, stride: number, offset: number): readonly number[] {
  const step = strideOf(stride);
  return Array.from({ length: last }, (_, at) => at + 1).filter((call) => (call + offset) % step === 0);
}
