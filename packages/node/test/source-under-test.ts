import { type SourceEntry, type SourceEntryError } from '@holdfast/engine';
import { allOf, FakeClock } from '@holdfast/engine/testing';

import { DirectorySource } from '../src/index.ts';
import { plantTree } from './plant-tree.ts';
import type { Planted } from './plant-tree.ts';
import { makeTempDir } from './temp-dir.ts';

/** A source over a planted tree, and what it warned of. */
export interface UnderTest {
  readonly root: string;
  readonly source: DirectorySource;
  readonly warnings: SourceEntryError[];
}

/** Plants a tree into a new directory. */
export function makeSource(tree: Readonly<Record<string, Planted>>, root = makeTempDir()): UnderTest {
  plantTree(root, tree);
  const warnings: SourceEntryError[] = [];
  const source = new DirectorySource({
    root,
    clock: new FakeClock(),
    onWarning: (warning) => warnings.push(warning),
  });
  return { root, source, warnings };
}

/** Bytes as text, one character a byte. */
export const latin1 = (raw: Uint8Array): string => Buffer.from(raw).toString('latin1');
/** The bytes of such text. */
export const bytes = (raw: string): Uint8Array => Buffer.from(raw, 'latin1');

/** Paths that a range lists. */
export async function paths(source: DirectorySource, from?: string, to?: string): Promise<string[]> {
  const range = {
    ...(from === undefined ? {} : { from: bytes(from) }),
    ...(to === undefined ? {} : { to: bytes(to) }),
  };
  return (await allOf(source.list(range))).map((entry) => latin1(entry.path));
}

/** The listed entry of a path. */
export async function entryAt(source: DirectorySource, name: string): Promise<SourceEntry> {
  const found = (await allOf(source.list({}))).find((entry) => latin1(entry.path) === name);
  if (found === undefined) throw new Error(`${name} is not listed`);
  return found;
}

/** All content of an entry, or of a range of it. */
export async function contentOf(
  source: DirectorySource,
  entry: SourceEntry,
  range?: { offset: number; length: number },
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of (await source.open(entry, range)).content) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
