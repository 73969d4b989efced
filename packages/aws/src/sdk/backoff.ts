import type { Clock, RandomBytes } from '@holdfast/engine';

const firstMs = 50;
const mostMs = 5000;

/**
 * Waits before a repetition: a random time below a bound that doubles from 50 ms to 5 s ("full jitter"), so that
 * callers that were throttled together do not come back together.
 * @param attempt repetitions so far, from 0
 */
export function backOff(
  attempt: number,
  clock: Clock,
  random: RandomBytes,
  signal?: AbortSignal,
): Promise<void> {
  const boundMs = Math.min(mostMs, firstMs * 2 ** attempt);
  const fraction = Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;
  return clock.sleep(Math.ceil(boundMs * fraction), signal);
}
