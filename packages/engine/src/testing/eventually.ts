import { vi } from 'vitest';

/** Milliseconds after which an answer is called lost: no measure of speed, a machine may be many times slower than ours. */
const patienceMs = 600_000;

/** Repeats a check until it holds: for answers that a port allows to lag behind a write. @returns its value. */
export function eventually<Value>(check: () => Promise<Value>): Promise<Value> {
  return vi.waitFor(check, { timeout: patienceMs });
}
