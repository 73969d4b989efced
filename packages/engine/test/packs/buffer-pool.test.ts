import { expect, test } from 'vitest';
import { BufferPool } from '../../src/packs/buffer-pool.ts';

test('gives a buffer again once it was given back, and never one that somebody has', () => {
  const pool = new BufferPool();

  const first = pool.take(100_000);
  const second = pool.take(100_000);
  pool.give(first);

  expect(second).not.toBe(first);
  expect(pool.take(50_000)).not.toBe(first);
  expect(pool.take(100_000)).toBe(first);
  expect(pool.take(100_000)).not.toBe(first);
});
