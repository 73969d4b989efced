import { vi } from 'vitest';

/** Repeats a check for up to ten seconds until it holds: for answers that a port allows to lag behind a write. */
export function eventually(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000 });
}
