import { utf8 } from '../bytes.ts';
import type { ChunkId } from '../ids.ts';
import { decodeExtent } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey, entryKey } from '../manifest/tuple-key.ts';
import { decodeVolumeEntry, type VolumeEntry } from '../manifest/volume-entry.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { diffManifests } from './diff-manifests.ts';
import type { PointReader } from './point-reader.ts';

/** A volume's difference between two points. */
export interface VolumeDifference {
  readonly volume: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Blocks whose content is another, zeros too. */
  readonly blocks: number;
  /** The size of these blocks together. */
  readonly bytes: number;
  readonly before?: VolumeEntry;
  readonly after?: VolumeEntry;
}

/** Blocks of a volume in which two points differ. */
export interface ChangedBlocks {
  readonly volume: string;
  /** Offsets of the blocks, in no order. Each one is that of one stretch alone. */
  readonly offsets: readonly number[];
  readonly blockBytes: number;
}

/**
 * Lists the blocks in which two points of images differ, zeros too, a stretch of a volume at a time. Reads pages as
 * {@link diffVolumes}; a volume that only one of the points has is all different.
 */
export async function* listChangedBlocks(
  before: PointReader,
  after: PointReader,
  signal?: AbortSignal,
): AsyncGenerator<ChangedBlocks> {
  for await (const step of walkDifferences(before, after, signal)) if ('offsets' in step) yield step;
}

/**
 * Lists the volumes in which two points of images differ, in the order of their ids, and how much of them does. That a
 * volume was read from another snapshot is no difference. Reads pages in proportion to the differences where one point
 * was derived from the other. Memory: the extents of a window.
 */
export async function* diffVolumes(
  before: PointReader,
  after: PointReader,
  signal?: AbortSignal,
): AsyncGenerator<VolumeDifference> {
  let blocks = 0;
  for await (const step of walkDifferences(before, after, signal)) {
    if ('offsets' in step) blocks += step.offsets.length;
    else {
      const difference = step.end.sum(blocks);
      if (difference !== undefined) yield difference;
      blocks = 0;
    }
  }
}

/** Windows with what differs in them, and behind those of a volume its end. */
async function* walkDifferences(
  before: PointReader,
  after: PointReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChangedBlocks | { readonly end: OpenVolume }> {
  let open: OpenVolume | undefined;
  for await (const difference of diffManifests(before, after, signal)) {
    const { path, offset } = decodeFileKey(difference.key, before.name);
    const volume = Buffer.from(path).toString('utf8');
    if (open?.volume !== volume) {
      yield* endOf(open);
      open = await OpenVolume.find(before, after, volume, signal);
    }
    if (offset !== undefined) yield* open.add(offset, difference.before, difference.after);
  }
  yield* endOf(open);
}

function* endOf(open: OpenVolume | undefined): Generator<ChangedBlocks | { readonly end: OpenVolume }> {
  if (open === undefined) return;
  yield* open.takeWindow();
  yield { end: open };
}

class OpenVolume {
  readonly volume: string;
  readonly #before: VolumeEntry | undefined;
  readonly #after: VolumeEntry | undefined;
  /** The window that is open, and what each point has in it. */
  #window = 0;
  #had = new Map<number, ChunkId>();
  #has = new Map<number, ChunkId>();

  private constructor(volume: string, before: VolumeEntry | undefined, after: VolumeEntry | undefined) {
    this.volume = volume;
    this.#before = before;
    this.#after = after;
  }

  static async find(
    before: PointReader,
    after: PointReader,
    volume: string,
    signal: AbortSignal | undefined,
  ): Promise<OpenVolume> {
    const find = async ({ manifest, name }: PointReader): Promise<VolumeEntry | undefined> => {
      const entry = await manifest.find(entryKey(utf8(volume)), signal);
      return entry && decodeVolumeEntry(entry, name);
    };
    return new OpenVolume(volume, await find(before), await find(after));
  }

  /** @returns the window before, if this is the first of another. */
  *add(offset: number, before: Entry | undefined, after: Entry | undefined): Generator<ChangedBlocks> {
    const window = Math.floor(offset / (volumeExtentBlocks * this.#blockBytes));
    if (window !== this.#window) yield* this.takeWindow();
    this.#window = window;
    this.#note(this.#had, before);
    this.#note(this.#has, after);
  }

  /** `undefined` where nothing differs but the snapshot. */
  sum(blocks: number): VolumeDifference | undefined {
    const [before, after] = [this.#before, this.#after];
    const isOther = before === undefined || after === undefined || before.bytes !== after.bytes;
    if (blocks === 0 && !isOther) return undefined;
    const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
    const bytes = blocks * this.#blockBytes;
    return { volume: this.volume, change, blocks, bytes, before, after };
  }

  get #blockBytes(): number {
    const sizes = [this.#before, this.#after].flatMap((entry) => (entry ? [entry.blockBytes] : []));
    return Math.min(...sizes);
  }

  /** Blocks of another size than the other point's count as one of these. */
  #note(chunks: Map<number, ChunkId>, entry: Entry | undefined): void {
    if (entry === undefined) return;
    const extent = decodeExtent(entry, `the manifest of ${this.volume}`);
    let { offset } = extent;
    for (const { id, plainBytes } of extent.chunks) {
      chunks.set(offset, id);
      offset += plainBytes;
    }
  }

  *takeWindow(): Generator<ChangedBlocks> {
    const both = new Set([...this.#had.keys(), ...this.#has.keys()]);
    const offsets = [...both].filter((offset) => this.#had.get(offset) !== this.#has.get(offset));
    this.#had = new Map();
    this.#has = new Map();
    if (offsets.length > 0) yield { volume: this.volume, offsets, blockBytes: this.#blockBytes };
  }
}
