import { DiskBytesLostError, type FileSystemBasis } from '@holdfast/disk';
import { bytesSource } from '@holdfast/disk/testing';
import { expect, test } from 'vitest';
import { StateComparison } from '../src/state-comparison.ts';

const bytes = 3 * 512 * 1024;
const layout = '';

/** A state with some bytes at a place. */
function stateWith(at: number, value: number, more: Partial<FileSystemBasis> = {}): FileSystemBasis {
  const content = new Uint8Array(bytes);
  content[at] = value;
  return { layout, source: { ...bytesSource(content), mayDiffer: () => true }, ...more };
}

function differs(before: FileSystemBasis, after: FileSystemBasis, ...stretches: number[]): Promise<boolean> {
  return new StateComparison(before, after).differs({ stretches, tables: [] });
}

const [far, one, other] = [700_000, stateWith(700_000, 1), stateWith(700_000, 2)];

const isReplayed = (offset: number, length: number) => offset <= far && far < offset + length;
const lost = async () => Promise.reject(new DiskBytesLostError('lost'));

test('differs where bytes do, and not beside them', async () => {
  expect(await differs(one, other, 0, bytes)).toBe(true);
  expect(await differs(one, other, 0, 128, far, far + 1)).toBe(true);
  expect(await differs(one, other, 0, far - 128, far + 128, bytes)).toBe(false);
  expect(await differs(one, stateWith(far, 1), 0, bytes)).toBe(false);
});

test('what is known not to differ is not read, but for what is in a journal', async () => {
  const unread = { ...other.source, mayDiffer: () => false };

  expect(await differs(one, { layout, source: unread }, 0, bytes)).toBe(false);
  expect(await differs(one, { layout, source: unread, isReplayed }, 0, bytes)).toBe(true);
  expect(await differs({ ...one, isReplayed }, { layout, source: unread }, 0, bytes)).toBe(true);
});

test('what cannot be read of one of them differs, and so does what is behind the end', async () => {
  expect(await differs(one, { layout, source: { ...one.source, read: lost } }, 0, 1)).toBe(true);
  expect(await differs(one, { layout, source: bytesSource(new Uint8Array(bytes - 1)) }, 0, 1)).toBe(true);
});

test('a table of nodes that is elsewhere differs', async () => {
  const comparison = new StateComparison(one, stateWith(far, 1, { tableAt: async (table) => table * 10 }));

  expect(await comparison.differs({ stretches: [], tables: [1, 10, 2, 20] })).toBe(false);
  expect(await comparison.differs({ stretches: [], tables: [1, 10, 2, 30] })).toBe(true);
});
