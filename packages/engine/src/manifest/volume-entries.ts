import type { Entry } from './page-codec.ts';
import type { TreeReader } from './tree-reader.ts';
import { pathKeys, type KeyRange } from './tuple-key.ts';
import { decodeVolumeEntry, type VolumeEntry } from './volume-entry.ts';
import { utf8 } from '../bytes.ts';

/** Volumes of an image's manifest, in the order of keys. Their blocks are passed over: a few pages each. */
export async function* volumeEntries(tree: TreeReader, signal?: AbortSignal): AsyncGenerator<VolumeEntry> {
  let range: KeyRange = {};
  for (;;) {
    const entry = await findFirst(tree, range, signal);
    if (entry === undefined) return;
    const volume = decodeVolumeEntry(entry, tree.name);
    yield volume;
    range = { from: pathKeys(utf8(volume.volume)).to };
  }
}

async function findFirst(
  tree: TreeReader,
  range: KeyRange,
  signal: AbortSignal | undefined,
): Promise<Entry | undefined> {
  for await (const entry of tree.range(range, { pagesAhead: 1, signal })) return entry;
  return undefined;
}
