import { setTimeout as delay } from 'node:timers/promises';
import { patienceMs } from '../../support/patience.ts';

/** A look costs what a call does: the longer something takes, the less often it is looked for. */
const pollMs = { first: 100, longest: 1_000, share: 0.1 };

/**
 * Waits until something is there.
 * @param what - the subject of the message, as in `the alarm`.
 * @throws {@link Error} it did not come while a test is patient.
 */
export async function eventually<Value>(
  what: string,
  find: () => Promise<Value | undefined>,
): Promise<Value> {
  const began = performance.now();
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    const waitedMs = performance.now() - began;
    if (waitedMs > patienceMs) throw new Error(`${what} did not come within ${patienceMs / 1000} s`);
    await delay(Math.min(pollMs.longest, pollMs.first + pollMs.share * waitedMs));
  }
}
