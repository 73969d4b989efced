import {
  type ByteSource,
  cacheBlocks,
  type DetectedContent,
  detectContent,
  DiskBytesLostError,
  type FileSystem,
  openFileSystem,
  type OpenFileSystemOptions,
  readPartitionTable,
  sliceOf,
} from '@holdfast/disk';
import { isDamage, isOfKind, UnknownNameError, type VolumeSnapshot } from '@holdfast/engine';
import { nameOfVolume, partitionPath } from './device-names.ts';
import { namingPath, unreadableVolume } from './file-system-errors.ts';
import type { ImagePart } from './image-part.ts';
import { type LogicalVolumes, readLogicalVolumes } from './logical-volumes.ts';
import { once } from './once.ts';

/** The content of a volume, without a cache. */
export type OpenVolume = (volume: VolumeSnapshot) => Promise<ByteSource>;

/** Told of what nodes of file systems are read from. */
export type WatchOptions = Pick<OpenFileSystemOptions, 'onRead' | 'onTable'>;

/** The partitions of a volume, or the volume itself where it has none. */
interface Layout {
  readonly parts: readonly ImagePart[];
  readonly isPartitioned: boolean;
  readonly notices: readonly string[];
}

export interface FoundParts {
  readonly parts: readonly ImagePart[];
  /** Reasons to doubt them, or why there may be more. */
  readonly notices: readonly string[];
  /** Of these, those of volumes that cannot be read at all. */
  readonly unreadable: readonly string[];
}

/** Blocks of 512 KiB that are kept of all volumes together; of each, a few at least. */
const keptBlocks = 64;
const leastKeptBlocks = 8;

/** The volumes of an image, and what of them can have a file system. What was read of them once is kept. */
export class ImageDisks {
  readonly volumes: readonly VolumeSnapshot[];
  readonly #open: OpenVolume;
  readonly #signal: AbortSignal | undefined;
  readonly #watch: WatchOptions;
  readonly #sources = new Map<VolumeSnapshot, Promise<ByteSource>>();
  readonly #layouts = new Map<string, Promise<Layout>>();
  readonly #fileSystems = new Map<ByteSource, Promise<FileSystem>>();
  readonly #all = new Map<'parts', Promise<FoundParts & Pick<LogicalVolumes, 'places'>>>();

  constructor(
    volumes: readonly VolumeSnapshot[],
    open: OpenVolume,
    { signal, onRead, onTable }: WatchOptions & { readonly signal?: AbortSignal | undefined },
  ) {
    this.volumes = volumes;
    this.#open = open;
    this.#watch = { onRead, onTable };
    this.#signal = signal;
  }

  /** @param name - the volume as paths into it are to begin. */
  async layout(volume: VolumeSnapshot, name: string): Promise<Layout> {
    return once(this.#layouts, `${volume.volume} ${name}`, async () => {
      const source = await this.#source(volume);
      return namingPath(name, async () => readLayout(volume.volume, name, source, this.#signal));
    });
  }

  /**
   * Everything of the image that can have a file system, logical volumes in place of what they lie on. What cannot be
   * read is a notice.
   */
  async all(): Promise<FoundParts & Pick<LogicalVolumes, 'places'>> {
    return once(this.#all, 'parts', async () => {
      const notices: string[] = [];
      const unreadable: string[] = [];
      const direct: ImagePart[] = [];
      for (const volume of this.volumes) {
        try {
          const layout = await this.layout(volume, nameOfVolume(volume));
          direct.push(...layout.parts);
          notices.push(...layout.notices);
        } catch (error) {
          // A snapshot that is gone, or whose key is not allowed, is no reason to leave out the other volumes.
          if (!isOfKind(error, ...unreadableVolume)) throw error;
          unreadable.push(`${nameOfVolume(volume)} cannot be read: ${error.message}`);
        }
      }
      const logical = await readLogicalVolumes(direct.filter(isPhysical), this.#signal);
      const parts = direct.filter((part) => !isPhysical(part));
      for (const { path, found } of logical.places)
        if (found instanceof Error) notices.push(`${path} cannot be read: ${found.message}`);
        else parts.push(found);
      return {
        parts,
        unreadable,
        notices: [...unreadable, ...notices, ...logical.notices],
        places: logical.places,
      };
    });
  }

  async openFileSystem(part: ImagePart): Promise<FileSystem> {
    const { path, source } = part;
    if (isPhysical(part)) throw new UnknownNameError(await this.#physicalText(path));
    return once(this.#fileSystems, source, async () =>
      namingPath(path, async () => openFileSystem(source, { ...this.#watch, signal: this.#signal })),
    );
  }

  async #physicalText(path: string): Promise<string> {
    const { places } = await this.all();
    const paths = places.map((place) => place.path).join(', ');
    return `${path} holds logical volumes of LVM; name one of ${paths === '' ? 'them, of which none is found' : paths}`;
  }

  async #source(volume: VolumeSnapshot): Promise<ByteSource> {
    const blocks = Math.max(leastKeptBlocks, Math.floor(keptBlocks / this.volumes.length));
    return once(this.#sources, volume, async () => cacheBlocks(await this.#open(volume), { blocks }));
  }
}

function isPhysical({ content }: ImagePart): boolean {
  return content?.kind === 'lvm';
}

async function readLayout(
  volume: string,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Layout> {
  const table = await readPartitionTable(source, signal);
  if (table === undefined) {
    const content = await detectContent(source, signal);
    const whole = { volume, path: name, place: volume, source, content, partition: undefined };
    return { parts: [{ kind: 'volume', ...whole }], isPartitioned: false, notices: [] };
  }
  const parts: ImagePart[] = [];
  const notices = table.notices.map((notice) => `${name}: ${notice}`);
  for (const partition of table.partitions) {
    const slice = sliceOf(source, partition.offset, partition.bytes);
    const path = partitionPath(name, partition.number);
    const place = `${volume} ${partition.offset} ${partition.bytes}`;
    let content: DetectedContent | undefined;
    try {
      content = await detectContent(slice, signal);
    } catch (error) {
      // What is at fault with one partition must not hide the others.
      if (!(error instanceof DiskBytesLostError || isDamage(error))) throw error;
      notices.push(`it cannot be told what is on ${path}: ${error.message}`);
    }
    parts.push({ kind: 'partition', volume, path, place, source: slice, content, partition });
  }
  return { parts, isPartitioned: true, notices };
}
