import {
  type BlockSource,
  type ChangedBlocks,
  listChangedBlocks,
  type PointReader,
  SnapshotMissingError,
  UnrelatedSnapshotsError,
  type VolumeSnapshot,
} from '@holdfast/engine';
import type { ImagePart } from './image-part.ts';

/** Opens the snapshots of EBS, for points whose blocks are not in the vault. */
export type OpenSnapshots = () => Promise<BlockSource>;

/** A volume in which points differ. */
export interface ChangedVolume {
  readonly volume: string;
  /** Those in which they may differ; `undefined` where nobody knows which these are. */
  readonly blocks: number | undefined;
  readonly bytes: number;
}

/** Blocks of a volume that differ, or `all` of them: nobody knows which. */
type Change = ChangedBlocks | { readonly volume: string; readonly offsets: 'all' };

/** Blocks in which a point differs from another. Memory: a number for each. */
export class ChangedPlaces {
  readonly #blocks = new Map<string, { readonly numbers: Set<number>; readonly blockBytes: number }>();
  readonly #unknown = new Set<string>();

  /**
   * Compares two points: by their manifests, or by EBS's lists of the blocks in which snapshots of a volume differ. Of a
   * volume that only one of them has, that grew, or whose snapshots EBS does not compare, all blocks may differ.
   */
  static async between(
    before: PointReader,
    after: PointReader,
    openSnapshots: OpenSnapshots | undefined,
    signal?: AbortSignal,
  ): Promise<ChangedPlaces> {
    const areInVault = before.root.manifest !== undefined && after.root.manifest !== undefined;
    return ChangedPlaces.of(
      areInVault || openSnapshots === undefined
        ? listChangedBlocks(before, after, signal)
        : changesOfImages(before, after, openSnapshots, signal),
    );
  }

  static async of(changes: AsyncIterable<Change>): Promise<ChangedPlaces> {
    const places = new ChangedPlaces();
    for await (const change of changes) {
      const { volume, offsets } = change;
      if (!('blockBytes' in change) || offsets === 'all') {
        places.#unknown.add(volume);
        continue;
      }
      const known = places.#blocks.get(volume) ?? { numbers: new Set(), blockBytes: change.blockBytes };
      places.#blocks.set(volume, known);
      for (const offset of offsets) known.numbers.add(Math.floor(offset / known.blockBytes));
    }
    return places;
  }

  get areNone(): boolean {
    return this.#blocks.size === 0 && this.#unknown.size === 0;
  }

  list(): ChangedVolume[] {
    const unknown = [...this.#unknown].map((volume) => ({ volume, blocks: undefined, bytes: 0 }));
    const known = [...this.#blocks].filter(([volume]) => !this.#unknown.has(volume));
    return [
      ...unknown,
      ...known.map(
        ([
          volume,
          {
            numbers: { size },
            blockBytes,
          },
        ]) => ({
          volume,
          blocks: size,
          bytes: size * blockBytes,
        }),
      ),
    ].sort((one, other) => (one.volume < other.volume ? -1 : 1));
  }

  /** True if the part may have such a block; of a logical volume that is any. */
  isIn({ volume, partition, source }: ImagePart): boolean {
    if (volume === undefined) return true;
    return this.has({ volume, offset: partition?.offset ?? 0, bytes: source.bytes });
  }

  /** @param index - of a block as these are counted. */
  hasBlock(volume: string, index: number): boolean {
    return this.#unknown.has(volume) || this.#blocks.get(volume)?.numbers.has(index) === true;
  }

  has({ volume, offset, bytes }: { volume: string; offset: number; bytes: number }): boolean {
    if (this.#unknown.has(volume)) return true;
    const changed = this.#blocks.get(volume);
    if (changed === undefined) return false;
    const last = Math.floor((offset + bytes - 1) / changed.blockBytes);
    for (let block = Math.floor(offset / changed.blockBytes); block <= last; block++)
      if (changed.numbers.has(block)) return true;
    return false;
  }
}

async function* changesOfImages(
  one: PointReader,
  other: PointReader,
  openSnapshots: OpenSnapshots,
  signal: AbortSignal | undefined,
): AsyncGenerator<Change> {
  const isForward = one.root.sourceTime <= other.root.sourceTime;
  const [older, newer] = (isForward ? [one, other] : [other, one]).map(
    ({ root }) => new Map((root.image?.snapshots ?? []).map((record) => [record.volume, record])),
  ) as [Map<string, VolumeSnapshot>, Map<string, VolumeSnapshot>];
  const source = await openSnapshots();
  for (const volume of new Set([...older.keys(), ...newer.keys()])) {
    const [before, after] = [older.get(volume), newer.get(volume)];
    if (before?.snapshot === after?.snapshot) continue;
    // AWS does not say how far the list of a volume that grew goes; a backup does not rely on it either.
    const isComparable = before !== undefined && before.sizeGiB === after?.sizeGiB;
    if (!isComparable) yield { volume, offsets: 'all' };
    else yield* changesOfVolume(source, { volume, snapshot: after.snapshot, base: before.snapshot }, signal);
  }
}

async function* changesOfVolume(
  source: BlockSource,
  { volume, snapshot, base }: Record<'volume' | 'snapshot' | 'base', string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Change> {
  try {
    for await (const { blocks, blockBytes } of source.listChanged(snapshot, base, 0, signal))
      if (blocks.length > 0)
        yield { volume, offsets: blocks.map(({ index }) => index * blockBytes), blockBytes };
  } catch (error) {
    // Unrelated, or one of them is gone: whoever needs that one says so.
    if (!(error instanceof UnrelatedSnapshotsError || error instanceof SnapshotMissingError)) throw error;
    yield { volume, offsets: 'all' };
  }
}
