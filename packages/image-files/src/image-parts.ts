import type { FileSystem } from '@holdfast/disk';
import { equalBytes, isOfKind, type PointReader, utf8 } from '@holdfast/engine';
import { type ImagePart, isReadable } from './image-part.ts';
import { namingPath, unreadablePart } from './file-system-errors.ts';
import { joinBytes } from './join-bytes.ts';
import type { MountedPart } from './machine-tree.ts';
import { PointImage } from './point-image.ts';
import type { ReadRecorder } from './reliance.ts';
import type { FindVolume } from './shared-volumes.ts';

/** A file system of an image, and the names that its files have. */
export interface NamedPart {
  readonly part: ImagePart;
  readonly fileSystem: FileSystem;
  readonly rootId: number;
  /** Equal where states of it can be compared, and paths have the same names; `undefined` where they cannot. */
  readonly identity: string | undefined;
  /** A path within it as the machine has it; by its device where the machine has something else there, or nothing. */
  readonly nameOf: (path: Uint8Array) => Uint8Array;
}

export interface SharedImage {
  /** False where a volume, or a file system of those that are read, cannot be, or what says where the machine has them. */
  readonly isComplete: boolean;
  readonly parts: readonly NamedPart[];
}

/** Opens all file systems of an image, on blocks that are shared with other points. */
export async function openSharedImage(
  { root }: Pick<PointReader, 'root'>,
  findVolume: FindVolume,
  options: {
    /** Notes what is read of nodes. */
    readonly recorder: ReadRecorder;
    readonly onNotice?: ((text: string) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<SharedImage> {
  const { snapshots = [], machine } = root.image ?? {};
  const { recorder, onNotice, signal } = options;
  const rootDevice = machine?.['rootDeviceName'];
  const image = new PointImage(
    snapshots,
    async ({ volume }) => {
      const source = await findVolume(volume);
      if (source === undefined) throw new TypeError(`the image has volume ${volume}`);
      return source;
    },
    typeof rootDevice === 'string' ? rootDevice : undefined,
    { onNotice, signal, onRead: recorder.onRead, onTable: recorder.onTable },
  );
  const listed = await image.listParts();
  const { mounts, doubts } = await image.listMounts();
  for (const doubt of doubts) onNotice?.(`files may have other names than those of the machine: ${doubt}`);
  let isComplete = doubts.length === 0 && (await image.listUnreadable()).length === 0;
  const parts: NamedPart[] = [];
  for (const part of listed) {
    if (!isReadable(part)) {
      if (part.content !== undefined && part.content.kind !== 'swap')
        onNotice?.(`${part.path} is not searched: it has ${part.content.name}`);
      continue;
    }
    try {
      const fileSystem = await image.openFileSystem(part);
      const { id: rootId } = await namingPath(part.path, async () => fileSystem.root(signal));
      const names = namesIn(part, mounts);
      const identity = fileSystem.basis && [part.place, names.text, fileSystem.basis.layout].join(' ');
      parts.push({ part, fileSystem, rootId, identity, nameOf: names.nameOf });
    } catch (error) {
      if (!isOfKind(error, ...unreadablePart)) throw error;
      isComplete = false;
      onNotice?.(`${part.path} is not searched: ${error.message}`);
    }
  }
  return { isComplete, parts };
}

interface Names {
  readonly nameOf: NamedPart['nameOf'];
  /** What they depend on. */
  readonly text: string;
}

function namesIn({ path: part }: ImagePart, mounts: readonly MountedPart[]): Names {
  const here = mounts.find((mount) => mount.part.path === part)?.mountPoint;
  const device = utf8(`${part}/`);
  if (here === undefined) return { nameOf: (path) => joinBytes(device, path), text: part };
  const prefix = utf8(`${here}/`);
  const deeper = mounts
    .map(({ mountPoint }) => `${mountPoint}/`)
    .filter((mount) => mount !== `${here}/` && mount.startsWith(`${here}/`));
  const hiding = deeper.map(utf8);
  const nameOf = (path: Uint8Array): Uint8Array => {
    const name = joinBytes(prefix, path);
    const isHidden = hiding.some(
      (mount) => name.length > mount.length && equalBytes(name.subarray(0, mount.length), mount),
    );
    return isHidden ? joinBytes(device, path) : name;
  };
  return { nameOf, text: JSON.stringify([part, here, deeper]) };
}
