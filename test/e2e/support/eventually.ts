import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 250;

/**
 * Waits until something is there.
 * @param what - the subject of the message, as in `the alarm`.
 * @throws {@link Error} it did not come within the limit.
 */
export async function eventually<Value>(
  what: string,
  limitMs: number,
  find: () => Promise<Value | undefined>,
): Promise<Value> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come within ${limitMs / 1000} s`);
    await delay(pollMs);
  }
}
