import { configureGlobal } from 'fast-check';
import { expect } from 'vitest';

// Properties draw their values from the seed that the order of tests comes from: one number repeats a run.
configureGlobal({ seed: Number(process.env['HOLDFAST_TEST_SEED']) });

/** Compares bytes at once. Vitest goes through them one by one, and lists all of their indexes twice. */
function areSameBytes(a: unknown, b: unknown): boolean | undefined {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.constructor !== b.constructor)
    return undefined;
  return Buffer.compare(a, b) === 0;
}

// Files that share a process share what compares values, but not this module.
const shared = globalThis as { holdfastComparesBytes?: true };
if (shared.holdfastComparesBytes === undefined) expect.addEqualityTesters([areSameBytes]);
shared.holdfastComparesBytes = true;
