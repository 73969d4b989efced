import {
  type ByteSource,
  cacheBlocks,
  detectContent,
  type FileSystem,
  findPath,
  openFileSystem,
  readPartitionTable,
  sliceOf,
} from '@holdfast/disk';
import { UnknownNameError, utf8, type VolumeSnapshot } from '@holdfast/engine';
import { namingPath } from './file-system-errors.ts';
import type { ImagePart, ImagePlace } from './image-part.ts';
import { parseImagePath, partitionPath } from './image-path.ts';

/** The content of a volume, without a cache. */
export type OpenVolume = (volume: VolumeSnapshot) => Promise<ByteSource>;

/** The table of a volume, and what is on its partitions, or on all of it. */
interface Layout {
  readonly parts: readonly ImagePart[];
  readonly isPartitioned: boolean;
  readonly notices: readonly string[];
}

/**
 * The volumes of an image, opened for what is on them. What was read to find the way is kept, so that many paths of an
 * image cost little more than one. Any number of paths can be looked up at once.
 */
export class PointImage {
  readonly volumes: readonly VolumeSnapshot[];
  readonly #open: OpenVolume;
  readonly #signal: AbortSignal | undefined;
  readonly #sources = new Map<VolumeSnapshot, Promise<ByteSource>>();
  readonly #layouts = new Map<string, Promise<Layout>>();
  readonly #fileSystems = new Map<ByteSource, Promise<FileSystem>>();

  /** @param signal - ends all that is read for this image. */
  constructor(volumes: readonly VolumeSnapshot[], open: OpenVolume, signal?: AbortSignal) {
    this.volumes = volumes;
    this.#open = open;
    this.#signal = signal;
  }

  /**
   * All that a volume consists of: its partitions, or itself where it has none.
   * @param name - the volume's id or device, with which the paths of its parts then begin.
   */
  async listParts(name: string): Promise<readonly ImagePart[]> {
    return (await this.#layout(name)).parts;
  }

  /**
   * Opens the file system of a part, once.
   * @throws NotSupportedError what is on it is not read; the error names what was found.
   * @throws FileSystemError the file system is damaged.
   */
  async openFileSystem({ path, source }: ImagePart): Promise<FileSystem> {
    return once(this.#fileSystems, source, async () =>
      namingPath(path, async () => openFileSystem(source, { signal: this.#signal })),
    );
  }

  /**
   * Finds what a path leads to: `/dev/xvda1/etc/passwd` is `/etc/passwd` of partition 1 of the volume that the machine
   * has as `/dev/xvda`; `vol-0123p1/etc` the same by the volume's id. The number can be left out where one partition
   * alone has a file system, or all of the volume is one.
   * @param options.followLast - a link at the end is followed too, as those on the way are; within its file system.
   * @throws {@link UnknownNameError} there is no such volume, partition, file or directory.
   * @throws NotSupportedError what is on the volume is not read.
   * @throws FileSystemError the file system is damaged.
   */
  async getPlace(path: string, { followLast = false } = {}): Promise<ImagePlace> {
    const { volume, name, partition, inner } = parseImagePath(this.volumes, path);
    const { parts, isPartitioned, notices } = await this.#layout(name);
    if (!isPartitioned && partition !== undefined)
      throw new UnknownNameError(`volume ${volume} has no partitions; write "${name}/…"`);
    if (isPartitioned && partition === undefined && inner === undefined)
      return { kind: 'parts', parts, notices };
    const part = choosePart(parts, volume, partition);
    const fileSystem = await this.openFileSystem(part);
    const full = `${part.path}/${inner ?? ''}`.replace(/\/+$/, '');
    const node = await namingPath(path, async () =>
      findPath(fileSystem, utf8(inner ?? ''), { followLast, signal: this.#signal }),
    );
    if (node === undefined) throw new UnknownNameError(`there is nothing at ${JSON.stringify(full)}`);
    return {
      kind: 'node',
      part,
      fileSystem,
      node,
      path: full,
      notices: [...notices, ...fileSystem.notices],
    };
  }

  async #layout(name: string): Promise<Layout> {
    return once(this.#layouts, name, async () => {
      const volume = this.volumes.find((one) => one.volume === name || one.device === name);
      if (volume === undefined) throw new UnknownNameError(`${name} is no volume of this image`);
      const source = await once(this.#sources, volume, async () => cacheBlocks(await this.#open(volume)));
      return namingPath(name, async () => readLayout(volume.volume, name, source, this.#signal));
    });
  }
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
    const whole = { kind: 'volume', volume, path: name, source, content, partition: undefined } as const;
    return { parts: [whole], isPartitioned: false, notices: [] };
  }
  const parts: ImagePart[] = [];
  for (const partition of table.partitions) {
    const slice = sliceOf(source, partition.offset, partition.bytes);
    const content = await detectContent(slice, signal);
    const path = partitionPath(name, partition.number);
    parts.push({ kind: 'partition', volume, path, source: slice, content, partition });
  }
  return { parts, isPartitioned: true, notices: table.notices };
}

const kindsRead: readonly string[] = ['ext', 'xfs', 'ntfs'];

function choosePart(parts: readonly ImagePart[], volume: string, number: number | undefined): ImagePart {
  const [only] = parts;
  if (only?.kind === 'volume') return only;
  const fits = ({ partition, content }: ImagePart): boolean =>
    number === undefined ? kindsRead.includes(content?.kind ?? '') : partition?.number === number;
  const [chosen, ...more] = parts.filter(fits);
  if (chosen !== undefined && more.length === 0) return chosen;
  const all = parts.map(({ path, content }) => `${path} (${content?.name ?? 'nothing known'})`).join(', ');
  throw new UnknownNameError(`volume ${volume} has these partitions, name one of them: ${all}`);
}

/** What was made for a key, or is being made; a failure is not kept. */
async function once<Key, Value>(
  made: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const known = made.get(key);
  if (known !== undefined) return known;
  const making = make();
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}
