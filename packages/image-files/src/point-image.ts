import { type FileSystem, findPath } from '@holdfast/disk';
import { type BackupError, isOfKind, UnknownNameError, utf8, type VolumeSnapshot } from '@holdfast/engine';
import { type DevicePath, findDevice, nameOfVolume } from './device-names.ts';
import { namingPath } from './file-system-errors.ts';
import { UnclearSystemError } from './find-system.ts';
import { type FoundParts, ImageDisks, type OpenVolume, type WatchOptions } from './image-disks.ts';
import { type ImagePart, type ImagePlace, isReadable, partsText } from './image-part.ts';
import { findLogicalVolume } from './logical-volumes.ts';
import { MachineTree, type MountedPart } from './machine-tree.ts';
import { once } from './once.ts';
import { tellingOnce } from './telling-once.ts';
import { WindowsDrives } from './windows-drives.ts';

export interface PointImageOptions extends WatchOptions {
  /** Told, once each, of reasons to doubt what is read, such as a journal that was not replayed. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Ends all that is read for this image. */
  readonly signal?: AbortSignal | undefined;
}

interface FoundMounts {
  /** None where they cannot be told. */
  readonly mounts: readonly MountedPart[];
  /** Reasons why there may be others, in what cannot be read. */
  readonly doubts: readonly string[];
}

interface LookUpOptions {
  /** A link at the end is followed too, as those on the way are. @default false */
  readonly followLast?: boolean;
}

/**
 * The volumes of an image, opened for what is on them. What was read to find the way is kept, so that many paths of an
 * image cost little more than one. Any number of paths can be looked up at once.
 */
export class PointImage {
  readonly #disks: ImageDisks;
  readonly #rootDevice: string | undefined;
  readonly #options: PointImageOptions;
  readonly #onNotice: (notice: string) => void;
  readonly #tree = new Map<'tree', Promise<MachineTree>>();
  readonly #drives = new Map<'drives', Promise<WindowsDrives>>();

  /** @param rootDevice - of the volume that the machine starts from, where that is known. */
  constructor(
    volumes: readonly VolumeSnapshot[],
    open: OpenVolume,
    rootDevice: string | undefined,
    options: PointImageOptions,
  ) {
    this.#disks = new ImageDisks(volumes, open, options);
    this.#rootDevice = rootDevice;
    this.#options = options;
    this.#onNotice = tellingOnce(options.onNotice);
  }

  get volumes(): readonly VolumeSnapshot[] {
    return this.#disks.volumes;
  }

  /**
   * All parts of the image that can have a file system: partitions, volumes without any, logical volumes. Those that
   * cannot be read are told of.
   */
  async listParts(): Promise<readonly ImagePart[]> {
    return this.#tellingOf(await this.#disks.all());
  }

  /** Notices of volumes that cannot be read at all. */
  async listUnreadable(): Promise<readonly string[]> {
    return (await this.#disks.all()).unreadable;
  }

  /** The places at which the machine has parts: its root first; of Windows, `/C:` and so on. */
  async listMounts(): Promise<FoundMounts> {
    const tree = await unlessUnknown(async () => this.#machineTree());
    if (!(tree instanceof Error)) return { mounts: await tree.listMounts(), doubts: [] };
    const drives = await unlessUnknown(async () => this.#windowsDrives());
    if (drives instanceof Error) {
      const doubts = [tree, drives].flatMap((error) =>
        error instanceof UnclearSystemError ? [error.message] : [],
      );
      return { mounts: [], doubts };
    }
    const found = drives.list();
    for (const { notices } of found) this.#tell(notices);
    return {
      mounts: found.map(({ part, letter }) => ({ part, mountPoint: `/${letter}:` })),
      doubts: drives.unreadable === undefined ? [] : [drives.unreadable],
    };
  }

  /**
   * Opens the file system of a part, once.
   * @throws NotSupportedError what is on it is not read; the error names what was found.
   * @throws FileSystemError the file system is damaged.
   */
  async openFileSystem(part: ImagePart): Promise<FileSystem> {
    const fileSystem = await this.#disks.openFileSystem(part);
    this.#tell(fileSystem.notices.map((notice) => `${part.path}: ${notice}`));
    return fileSystem;
  }

  /**
   * Finds what a path leads to. These are paths:
   *
   * - `/dev/xvda1/etc/passwd`: partition 1 of the volume that the machine has as `/dev/xvda`; `vol-0123p1/etc` the same
   *   by the volume's id. The number can be left out where one partition alone has a file system, or the volume is one.
   * - `/dev/vg0/root/etc`, `/dev/mapper/vg0-root/etc`: a logical volume, whatever volumes it is on.
   * - `/etc/passwd`: as the machine has it, by its `/etc/fstab`. Links lead over mounts.
   * - `D:\logs`: the partition that Windows has under that letter, by its registry.
   * - `/dev`, `/dev/xvda`, `/dev/vg0`: what parts there are.
   * @throws {@link UnknownNameError} there is no such thing.
   * @throws {@link UnclearSystemError} the path is the machine's, whose system may be in what cannot be read.
   * @throws NotSupportedError what is there is not read.
   * @throws FileSystemError the file system is damaged.
   */
  async getPlace(path: string, options: LookUpOptions = {}): Promise<ImagePlace> {
    const drive = /^\/?(?<letter>[a-z]):(?:[\\/](?<inner>.*))?$/is.exec(path)?.groups;
    if (drive !== undefined) return this.#onDrive(drive['letter'] ?? '', drive['inner'] ?? '', options);
    const device = findDevice(this.volumes, path);
    if (device !== undefined) return this.#onVolume(path, device, options);
    if (/^\/dev(?:\/|$)/.test(path)) return this.#onLogicalVolume(path, options);
    if (path.startsWith('/')) return this.#inMachine(path, options);
    throw new UnknownNameError(
      `${JSON.stringify(path)} is on no volume of this image; begin with a "/", or with one of ${this.#volumesText}`,
    );
  }

  async #onVolume(
    path: string,
    { volume, name, partition, mayBeWhole, inner }: DevicePath<VolumeSnapshot>,
    options: LookUpOptions,
  ): Promise<ImagePlace> {
    const layout = await this.#disks.layout(volume, name);
    const parts = this.#tellingOf(layout);
    if (!layout.isPartitioned && partition !== undefined && !mayBeWhole)
      throw new UnknownNameError(`volume ${volume.volume} has no partitions; write "${name}/…"`);
    if (layout.isPartitioned && partition === undefined && inner === undefined)
      return { kind: 'parts', parts };
    return this.#inPart(choosePart(parts, volume.volume, partition), path, inner ?? '', options);
  }

  async #onLogicalVolume(path: string, options: LookUpOptions): Promise<ImagePlace> {
    const { places, ...all } = await this.#disks.all();
    const place = findLogicalVolume(places, path);
    if (place !== undefined) {
      const { found } = place.place;
      if (found instanceof Error) return namingPath(path, async () => Promise.reject(found));
      return this.#inPart(found, path, place.inner, options);
    }
    const directory = path.replace(/\/+$/, '');
    if (directory === '/dev') return { kind: 'parts', parts: this.#tellingOf(all) };
    const ofGroup = places.filter(
      ({ group }) => directory === `/dev/${group}` || directory === '/dev/mapper',
    );
    if (ofGroup.length > 0) {
      this.#tell(all.notices);
      return {
        kind: 'parts',
        parts: ofGroup.flatMap(({ found }) => (found instanceof Error ? [] : [found])),
      };
    }
    const known = [this.#volumesText, ...places.map((one) => one.path)].join(', ');
    throw new UnknownNameError(
      `${JSON.stringify(path)} is on no volume of this image; begin with one of ${known}`,
    );
  }

  async #inMachine(path: string, { followLast = false }: LookUpOptions): Promise<ImagePlace> {
    const tree = await this.#machineTree();
    const found = await tree.find(path, { followLast });
    if (found === undefined) throw nothingAt(path);
    const { part, node } = found;
    const fileSystem = await this.openFileSystem(part);
    return { kind: 'node', part, fileSystem, node, path: new TextDecoder().decode(found.path) };
  }

  async #machineTree(): Promise<MachineTree> {
    return once(this.#tree, 'tree', async () =>
      MachineTree.open(this.#disks, this.#rootDevice, this.#options.signal),
    );
  }

  async #onDrive(letter: string, inner: string, options: LookUpOptions): Promise<ImagePlace> {
    this.#tell((await this.#disks.all()).notices);
    const { part, notices } = (await this.#windowsDrives()).get(letter);
    this.#tell(notices);
    const path = inner.replaceAll('\\', '/');
    return this.#inPart(part, path, path, options, `${letter.toUpperCase()}:`);
  }

  async #windowsDrives(): Promise<WindowsDrives> {
    return once(this.#drives, 'drives', async () =>
      WindowsDrives.open(this.#disks, this.#rootDevice, this.#options.signal),
    );
  }

  async #inPart(
    part: ImagePart,
    path: string,
    inner: string,
    { followLast = false }: LookUpOptions,
    name = part.path,
  ): Promise<ImagePlace> {
    const fileSystem = await this.openFileSystem(part);
    const node = await namingPath(path, async () =>
      findPath(fileSystem, utf8(inner), { followLast, signal: this.#options.signal }),
    );
    const full = `${name}/${inner}`.replace(/\/+$/, '');
    if (node === undefined) throw nothingAt(full);
    return { kind: 'node', part, fileSystem, node, path: full };
  }

  #tellingOf({ parts, notices }: Pick<FoundParts, 'parts' | 'notices'>): readonly ImagePart[] {
    this.#tell(notices);
    return parts;
  }

  #tell(notices: readonly string[]): void {
    for (const notice of notices) this.#onNotice(notice);
  }

  get #volumesText(): string {
    return this.volumes.map(nameOfVolume).join(', ');
  }
}

function choosePart(parts: readonly ImagePart[], volume: string, number: number | undefined): ImagePart {
  const [only] = parts;
  if (only?.kind === 'volume') return only;
  const fits = (part: ImagePart): boolean =>
    number === undefined ? isReadable(part) : part.partition?.number === number;
  const [chosen, ...more] = parts.filter(fits);
  if (chosen !== undefined && more.length === 0) return chosen;
  throw new UnknownNameError(`volume ${volume} has these partitions, name one of them: ${partsText(parts)}`);
}

async function unlessUnknown<Value>(find: () => Promise<Value>): Promise<Value | BackupError> {
  try {
    return await find();
  } catch (error) {
    if (isOfKind(error, 'unknown')) return error;
    throw error;
  }
}

function nothingAt(path: string): UnknownNameError {
  return new UnknownNameError(`there is nothing at ${JSON.stringify(path)}`);
}
