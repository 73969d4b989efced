import { expect, test } from 'vitest';
import { releaseBytes } from '../../src/packs/release-bytes.ts';

test('gives the memory of a large buffer back, so that every view of it is empty', () => {
  const bytes = new Uint8Array(256 * 1024).fill(7);
  const view = bytes.subarray(10, 20);

  releaseBytes(view);

  expect(bytes.buffer.byteLength).toBe(0);
  expect([bytes.length, view.length]).toEqual([0, 0]);
});

test('leaves a small buffer alone', () => {
  const bytes = new Uint8Array(32 * 1024 - 1).fill(7);

  releaseBytes(bytes);

  expect(bytes.every((byte) => byte === 7)).toBe(true);
  expect(bytes).toHaveLength(32 * 1024 - 1);
});

test("leaves Node's pool alone, which other buffers are parts of", () => {
  const poolBytes = Buffer.poolSize;
  Buffer.poolSize = 128 * 1024;
  try {
    // The first of these does not fit into the pool that there is, so both lie in one of the new size.
    const [first, second] = [Buffer.allocUnsafe(60 * 1024), Buffer.from('somebody else')];
    expect(first.buffer).toBe(second.buffer);

    releaseBytes(first);

    expect(second.toString()).toBe('somebody else');
  } finally {
    Buffer.poolSize = poolBytes;
  }
});

test('leaves memory alone that is shared with other threads', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(256 * 1024)).fill(7);

  releaseBytes(bytes);

  expect(bytes).toHaveLength(256 * 1024);
});
