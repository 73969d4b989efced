import { type FileSystem, findMounted, findPath, type MountedNode } from '@holdfast/disk';
import { isOfKind, NotSupportedError, UnknownNameError, utf8 } from '@holdfast/engine';
import { findDevice, nameOfVolume } from './device-names.ts';
import { namingPath, unreadablePart } from './file-system-errors.ts';
import { findSystem } from './find-system.ts';
import { foreignMount, type FstabEntry, parseFstab } from './fstab.ts';
import type { ImageDisks } from './image-disks.ts';
import { type ImagePart, isReadable, partsText } from './image-part.ts';
import { findLogicalVolume } from './logical-volumes.ts';
import { once } from './once.ts';

const fstabPath = '/etc/fstab';
/** More than any machine has; the rest of a longer file is not read. */
const mostFstabBytes = 2 ** 20;

export interface MachineNode extends MountedNode {
  readonly part: ImagePart;
}

/** A part where the machine has it. */
export interface MountedPart {
  readonly part: ImagePart;
  /** `/var`; empty of the root. */
  readonly mountPoint: string;
}

/** The files of a machine as it has them: its root, and what its `/etc/fstab` mounts below it. */
export class MachineTree {
  readonly #disks: ImageDisks;
  readonly #root: ImagePart;
  readonly #mounts: ReadonlyMap<string, FstabEntry>;
  readonly #mounted = new Map<string, Promise<ImagePart>>();
  readonly #signal: AbortSignal | undefined;

  private constructor(
    disks: ImageDisks,
    root: ImagePart,
    mounts: readonly FstabEntry[],
    signal: AbortSignal | undefined,
  ) {
    this.#disks = disks;
    this.#root = root;
    this.#mounts = new Map(mounts.map((entry) => [entry.mountPoint, entry]));
    this.#signal = signal;
  }

  /**
   * Finds the root: the file system that has an `/etc/fstab`, first on the volume that the machine starts from.
   * @throws {@link UnknownNameError} there is none, or several and no way to tell.
   * @throws UnclearSystemError it may be in what cannot be read.
   */
  static async open(
    disks: ImageDisks,
    rootDevice: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<MachineTree> {
    const [only, ...more] = await findSystem(disks, rootDevice, async (part) =>
      readFstab(disks, part, signal),
    );
    if (only !== undefined && more.length === 0)
      return new MachineTree(disks, only.part, parseFstab(only.value), signal);
    if (only !== undefined)
      throw new UnknownNameError(
        `several file systems of this image have an ${fstabPath}; begin the path with one of ` +
          partsText([only, ...more].map(({ part }) => part)),
      );
    const { parts, unreadable } = await disks.all();
    throw new UnknownNameError(
      `no file system of this image has an ${fstabPath}; begin the path with one of ${[partsText(parts), ...unreadable].join('; ')}`,
    );
  }

  /** The root, and what of the other mounts is in the image. */
  async listMounts(): Promise<readonly MountedPart[]> {
    const mounts: MountedPart[] = [{ part: this.#root, mountPoint: '' }];
    for (const entry of this.#mounts.values()) {
      if (entry.mountPoint === '') continue;
      try {
        mounts.push({ part: await this.#partOf(entry), mountPoint: entry.mountPoint });
      } catch (error) {
        if (!isOfKind(error, 'unknown', ...unreadablePart)) throw error;
      }
    }
    return mounts;
  }

  /** @returns `undefined` if there is nothing at the path. */
  async find(
    path: string,
    { followLast }: { readonly followLast: boolean },
  ): Promise<MachineNode | undefined> {
    const partOf = new Map<FileSystem, ImagePart>();
    const enter = async (part: ImagePart): Promise<FileSystem> => {
      const fileSystem = await this.#disks.openFileSystem(part);
      partOf.set(fileSystem, part);
      return fileSystem;
    };
    const mountedOn = async (directory: Uint8Array): Promise<FileSystem | undefined> => {
      const entry = this.#mounts.get(new TextDecoder().decode(directory));
      return entry === undefined ? undefined : enter(await this.#partOf(entry));
    };
    const root = await enter(this.#root);
    const found = await namingPath(path, async () =>
      findMounted(root, utf8(path), { followLast, signal: this.#signal, mountedOn }),
    );
    return found && { ...found, part: partOf.get(found.fileSystem) ?? this.#root };
  }

  async #partOf(entry: FstabEntry): Promise<ImagePart> {
    return once(this.#mounted, entry.mountPoint, async () => this.#getPart(entry));
  }

  /** @throws {@link NotSupportedError}, {@link UnknownNameError} it is on no volume, or on one that cannot be told. */
  async #getPart(entry: FstabEntry): Promise<ImagePart> {
    const { device, mountPoint } = entry;
    const foreign = foreignMount(entry);
    if (foreign !== undefined) throw new NotSupportedError(`${mountPoint} is ${foreign}`);
    const found = await this.#findParts(device);
    const onRoot = found.filter(({ volume }) => volume !== undefined && volume === this.#root.volume);
    const [part, ...more] = found.length > 1 && onRoot.length > 0 ? onRoot : found;
    if (part === undefined)
      throw new UnknownNameError(
        `${mountPoint} is a mount of ${device}, which is not in this image: it may be an instance store, or was not ` +
          'attached when the point was made',
      );
    if (more.length > 0)
      throw new UnknownNameError(
        `${mountPoint} is a mount of ${device}, which may be any of ${partsText([part, ...more])}; begin the path with one`,
      );
    const subvolume = entry.options.find((option) => option.startsWith('subvol'));
    if (subvolume !== undefined && !isReadable(part))
      throw new NotSupportedError(
        `${mountPoint} is a subvolume (${subvolume}) of ${partsText([part])}, which is not supported`,
      );
    return part;
  }

  async #findParts(device: string): Promise<readonly ImagePart[]> {
    const { parts, places } = await this.#disks.all();
    const tag = tagOf(device);
    if (tag !== undefined) return parts.filter((part) => hasTag(part, tag));
    const logical = findLogicalVolume(places, device);
    if (logical !== undefined) {
      const { found } = logical.place;
      return found instanceof Error ? namingPath(device, async () => Promise.reject(found)) : [found];
    }
    const path = findDevice(this.#disks.volumes, device);
    if (path === undefined) return [];
    const layout = await this.#disks.layout(path.volume, nameOfVolume(path.volume));
    if (!layout.isPartitioned) return path.partition === undefined || path.mayBeWhole ? layout.parts : [];
    return layout.parts.filter(({ partition }) => partition?.number === path.partition);
  }
}

async function readFstab(
  disks: ImageDisks,
  part: ImagePart,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const fileSystem = await disks.openFileSystem(part);
  return namingPath(`${part.path}${fstabPath}`, async () => {
    const node = await findPath(fileSystem, utf8(fstabPath), { followLast: true, signal });
    if (node?.kind !== 'file') return undefined;
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of node.read({ to: mostFstabBytes }, signal))
      text += decoder.decode(piece, { stream: true });
    return text;
  });
}

interface Tag {
  readonly name: 'UUID' | 'LABEL' | 'PARTUUID' | 'PARTLABEL';
  readonly value: string;
}

/** A name of a file system or partition by a property of its own: `UUID=…`, or a link of udev's. */
function tagOf(device: string): Tag | undefined {
  const written = /^(?<name>UUID|LABEL|PARTUUID|PARTLABEL)="?(?<value>[^"]*)"?$/.exec(device)?.groups;
  const linked = /^\/dev\/disk\/by-(?<name>uuid|label|partuuid|partlabel)\/(?<value>.+)$/.exec(
    device,
  )?.groups;
  const { name, value } = written ?? linked ?? {};
  return name === undefined || value === undefined
    ? undefined
    : { name: name.toUpperCase() as Tag['name'], value };
}

function hasTag({ content, partition }: ImagePart, { name, value }: Tag): boolean {
  if (name === 'LABEL') return content?.label === value;
  if (name === 'PARTLABEL') return partition?.name === value;
  const own = name === 'UUID' ? content?.uuid : partition?.uuid;
  return own?.toLowerCase() === value.toLowerCase();
}
