import { fromUtf8 } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent } from '../manifest/extent.ts';
import { encodeFileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey, entryKey, isEntryKey, type KeyRange } from '../manifest/tuple-key.ts';
import { decodeVolumeEntry, type VolumeEntry } from '../manifest/volume-entry.ts';
import { checkVolumeExtent } from '../manifest/volume-extent.ts';
import type { FetchItem } from '../restore/chunk-fetcher.ts';
import { pointItems } from '../restore/point-items.ts';
import type { PointReader } from '../restore/point-reader.ts';

/** An entry without content, or the next chunk of an extent. */
export type ItemToCopy =
  | { readonly entry: Entry }
  | {
      /** Key of the extent that has the chunk, and the chunk's index in it. */
      readonly extent: Uint8Array;
      readonly at: number;
    };

/**
 * The entries that go into a container, from a key of the point's manifest on: files or volumes, each with its chunks.
 * @throws {@link StoredBytesDamagedError} it is not whole.
 */
export function entriesToCopy(
  base: PointReader,
  from: Uint8Array | undefined,
  signal?: AbortSignal,
): AsyncGenerator<FetchItem<ItemToCopy>> {
  const range = from === undefined ? {} : { from };
  return base.root.image === undefined ? filesOf(base, range, signal) : volumesOf(base, range, signal);
}

async function* filesOf(
  base: PointReader,
  range: KeyRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<FetchItem<ItemToCopy>> {
  const { path, offset } = range.from === undefined ? {} : decodeFileKey(range.from, base.name);
  const within = path === undefined || offset === undefined ? undefined : { path, offset };
  for await (const { tag, reference } of pointItems(base, range, { signal, within })) {
    if ('begins' in tag) yield { tag: { entry: encodeFileEntry(tag.begins) } };
    else yield { tag: { extent: tag.stretch, at: tag.at }, reference };
  }
}

async function* volumesOf(
  base: PointReader,
  range: KeyRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<FetchItem<ItemToCopy>> {
  let volume: VolumeEntry | undefined;
  let end = 0;
  if (range.from !== undefined && !isEntryKey(range.from)) {
    const own = entryKey(decodeFileKey(range.from, base.name).path);
    const entry = await base.manifest.find(own, signal);
    volume = entry && decodeVolumeEntry(entry, base.name);
  }
  for await (const entry of base.manifest.range(range, { signal })) {
    if (isEntryKey(entry.key)) {
      [volume, end] = [decodeVolumeEntry(entry, base.name), 0];
      yield { tag: { entry } };
      continue;
    }
    const extent = decodeExtent(entry, base.name);
    if (volume === undefined || volume.volume !== fromUtf8(extent.path))
      throw new StoredBytesDamagedError(base.name, 'blocks have no volume that they belong to');
    end = checkVolumeExtent(volume, extent, end, base.name);
    for (const [at, reference] of extent.chunks.entries())
      yield { tag: { extent: entry.key, at }, reference };
  }
}
