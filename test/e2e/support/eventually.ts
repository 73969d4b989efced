import { setTimeout as delay } from 'node:timers/promises';
import { patienceMs } from '../../support/patience.ts';

const pollMs = 250;

/**
 * Waits until something is there.
 * @param what - the subject of the message, as in `the alarm`.
 * @throws {@link Error} it did not come while a test is patient.
 */
export async function eventually<Value>(
  what: string,
  find: () => Promise<Value | undefined>,
): Promise<Value> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come within ${patienceMs / 1000} s`);
    await delay(pollMs);
  }
}
