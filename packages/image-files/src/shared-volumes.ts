import type { ByteSource } from '@holdfast/disk';
import { checkHasBlocks, getVolume, type PointReader } from '@holdfast/engine';
import { ChangedPlaces, type OpenSnapshots } from './changed-places.ts';
import { once } from './once.ts';
import { type KeptBlocks, snapshotVolume } from './snapshot-volume.ts';
import { vaultVolume } from './vault-volume.ts';

/** Blocks of 512 KiB that are kept, by their content, for all points that are searched: 128 MiB. */
const mostBlocks = 256;

/** Blocks of volumes by their content. Points of a resource have most of them in common. */
class SharedBlocks {
  readonly #kept = new Map<string, Uint8Array>();
  /** Blocks that were read so far. */
  reads = 0;

  find(id: string): Uint8Array | undefined {
    const bytes = this.#kept.get(id);
    if (bytes === undefined) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, bytes);
    return bytes;
  }

  put(id: string, bytes: Uint8Array): void {
    this.reads += 1;
    // A copy: what was read may be a part of something larger.
    this.#kept.set(id, new Uint8Array(bytes));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostBlocks) break;
      this.#kept.delete(oldest);
    }
  }
}

/** A volume of a point, by its id. */
export type FindVolume = (volume: string) => Promise<ByteSource | undefined>;

/** A point among those that are looked into. */
export interface PointVolumes {
  /**
   * A volume as a source, which says where it may differ from the point before: a block that any point had read is not
   * read again while it is kept.
   */
  readonly findVolume: FindVolume;
  /** Places that may be other than in the point before; `undefined` for the first. */
  readonly changed: ChangedPlaces | undefined;
}

/** The snapshots of a volume, point by point, as far as it is known what differs between them. */
interface Lineage {
  readonly snapshot: string;
  readonly before?: { readonly lineage: Lineage; readonly changed: ChangedPlaces } | undefined;
}

export interface SharedVolumesOptions {
  /** @default points whose blocks are not in the vault are refused */
  readonly openSnapshots?: OpenSnapshots | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The volumes of points of one resource, one point after the other. A block that points share is read once, while it is
 * kept: of points in the vault its id says which that is, of snapshots that EBS lists it in no difference. Memory: what is
 * kept, and of snapshots a number for each block in which neighbours differ.
 */
export class SharedVolumes {
  readonly #blocks = new SharedBlocks();
  readonly #options: SharedVolumesOptions;
  #before: PointReader | undefined;
  #lineages = new Map<string, Lineage>();

  constructor(options: SharedVolumesOptions) {
    this.#options = options;
  }

  /** Blocks that were read so far. */
  get reads(): number {
    return this.#blocks.reads;
  }

  /**
   * Goes on to another point. Its volumes can be read as long as those of the points before.
   * @throws NotSupportedError its blocks cannot be had.
   */
  async next(reader: PointReader): Promise<PointVolumes> {
    const { openSnapshots, signal } = this.#options;
    if (openSnapshots === undefined) checkHasBlocks(reader);
    const changed =
      this.#before && (await ChangedPlaces.between(this.#before, reader, openSnapshots, signal));
    const records = reader.root.image?.snapshots ?? [];
    const lineages = new Map(
      reader.root.manifest === undefined
        ? records.map(({ volume, snapshot }) => [volume, this.#lineageOf(volume, snapshot, changed)])
        : [],
    );
    this.#before = reader;
    this.#lineages = lineages;
    const sources = new Map<string, ReturnType<FindVolume>>();
    const open = async (volume: string): Promise<ByteSource | undefined> => {
      if (!records.some((one) => one.volume === volume)) return undefined;
      const lineage = lineages.get(volume);
      if (lineage === undefined || openSnapshots === undefined)
        return vaultVolume(reader, await getVolume(reader, volume, signal), { kept: this.#blocks, signal });
      const kept = this.#keptOf(volume, lineage);
      return snapshotVolume(await openSnapshots(), lineage.snapshot, { kept, signal });
    };
    const compared: FindVolume = async (volume) => {
      const source = await open(volume);
      if (source === undefined || changed === undefined) return source;
      return { ...source, mayDiffer: (offset, bytes) => changed.has({ volume, offset, bytes }) };
    };
    return { changed, findVolume: async (volume) => once(sources, volume, async () => compared(volume)) };
  }

  #lineageOf(volume: string, snapshot: string, changed: ChangedPlaces | undefined): Lineage {
    const lineage = this.#lineages.get(volume);
    return { snapshot, before: changed && lineage && { lineage, changed } };
  }

  #keptOf(volume: string, lineage: Lineage): KeptBlocks {
    const idOf = (index: number): string => `${originOf(lineage, volume, index)} ${index}`;
    return {
      find: (index) => this.#blocks.find(idOf(index)),
      put: (index, bytes) => this.#blocks.put(idOf(index), bytes),
    };
  }
}

/** The first snapshot, in the order of points, from which on a block has been the same. */
function originOf(lineage: Lineage, volume: string, index: number): string {
  let { snapshot, before } = lineage;
  while (before !== undefined && !before.changed.hasBlock(volume, index))
    ({ snapshot, before } = before.lineage);
  return snapshot;
}
