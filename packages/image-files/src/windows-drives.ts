import {
  contentSource,
  type DriveLetters,
  type DrivePlace,
  findPath,
  isDrivePlace,
  readDriveLetters,
} from '@holdfast/disk';
import { isOfKind, UnknownNameError, utf8 } from '@holdfast/engine';
import { namingPath, unreadablePart } from './file-system-errors.ts';
import { findSystem } from './find-system.ts';
import type { ImageDisks } from './image-disks.ts';
import { type ImagePart, partsText } from './image-part.ts';

const hivePath = '/Windows/System32/config/SYSTEM';

export interface FoundDrive {
  readonly part: ImagePart;
  /** Reasons to doubt that it is that. */
  readonly notices: readonly string[];
}

/** Letters as a registry has them; none where it cannot be read. */
interface KnownLetters extends DriveLetters {
  /** The reason why none are known. */
  readonly unknown?: string;
  /** There is a registry, which cannot be read. */
  readonly isUnreadable?: boolean;
}

/** The letters of a machine's Windows, by its registry. */
export class WindowsDrives {
  readonly #parts: readonly ImagePart[];
  readonly #system: ImagePart;
  readonly #known: KnownLetters;

  private constructor(parts: readonly ImagePart[], system: ImagePart, known: KnownLetters) {
    this.#parts = parts;
    this.#system = system;
    this.#known = known;
  }

  /**
   * Finds the partition that has `\Windows`, first on the volume that the machine starts from, and reads its registry.
   * @throws {@link UnknownNameError} there is none, or several and no way to tell.
   * @throws UnclearSystemError it may be in what cannot be read.
   */
  static async open(
    disks: ImageDisks,
    rootDevice: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<WindowsDrives> {
    const { parts } = await disks.all();
    const systems = await findSystem(disks, rootDevice, async (part) => findWindows(disks, part, signal));
    const [system, ...more] = systems.map(({ part }) => part);
    if (system === undefined || more.length > 0)
      throw new UnknownNameError(
        `${system === undefined ? 'no' : 'more than one'} file system of this image has a directory \\Windows, whose ` +
          `registry knows letters; begin the path with one of ${partsText(parts)}`,
      );
    return new WindowsDrives(parts, system, await readLetters(disks, system, signal));
  }

  /** The reason why a registry that is there says nothing of letters. */
  get unreadable(): string | undefined {
    return this.#known.isUnreadable === true ? this.#known.unknown : undefined;
  }

  /** Letters that stand for one part of the image each. */
  list(): readonly (FoundDrive & { readonly letter: string })[] {
    return [...new Set(['C', ...this.#known.letters.keys()])].toSorted().flatMap((letter) => {
      try {
        return { letter, ...this.get(letter) };
      } catch (error) {
        if (isOfKind(error, 'unknown')) return [];
        throw error;
      }
    });
  }

  /** @throws {@link UnknownNameError} it stands for nothing in this image, or it cannot be told for what. */
  get(letter: string): FoundDrive {
    const capital = letter.toUpperCase();
    const place = this.#known.letters.get(capital);
    const [part, ...more] = this.#partsAt(place);
    if (more.length > 0)
      throw new UnknownNameError(
        `letter ${capital}: is ${placeText(place)}, and that may be any of ${partsText(this.#partsAt(place))}: one is a ` +
          'copy of the other; begin the path with one',
      );
    if (part !== undefined) return { part, notices: part === this.#system ? [] : this.#doubts() };
    if (capital === 'C' && !this.#hasOtherLetter()) return { part: this.#system, notices: [] };
    throw new UnknownNameError(
      [`letter ${capital}: ${this.#absenceText(place)}; begin the path with one of ${partsText(this.#parts)}`]
        .concat(this.#doubts())
        .join('; '),
    );
  }

  #partsAt(place: DrivePlace | undefined): readonly ImagePart[] {
    if (place === undefined) return [];
    return this.#parts.filter(({ partition }) => partition !== undefined && isDrivePlace(place, partition));
  }

  /** True if the registry has the partition of Windows under another letter than C. */
  #hasOtherLetter(): boolean {
    return [...this.#known.letters].some(
      ([letter, place]) => letter !== 'C' && this.#partsAt(place).includes(this.#system),
    );
  }

  #absenceText(place: DrivePlace | undefined): string {
    const { letters, unknown } = this.#known;
    if (unknown !== undefined)
      return `is known to the registry of Windows alone, which cannot be read: ${unknown}`;
    const here = [...letters].flatMap(([letter, known]) =>
      this.#partsAt(known).map(({ path }) => `${letter}: (${path})`),
    );
    return `${absentText(place)}; of this image are ${here.length === 0 ? 'none' : here.toSorted().join(', ')}`;
  }

  #doubts(): readonly string[] {
    if (!this.#known.isDirty) return [];
    return [
      `the registry of Windows on ${this.#system.path} was in use when it was copied, and its logs are not replayed: ` +
        'letters that were given or changed in the hour before may be as they were',
    ];
  }
}

function absentText(place: DrivePlace | undefined): string {
  if (place === undefined) return 'is none that Windows has';
  if (place.kind === 'device') return 'is a drive that can be pulled out, or for CDs, which is on no volume';
  return (
    `is ${placeText(place)}, which is not in this image: it may be an instance store or a dynamic disk, or was not ` +
    'attached or not selected when the point was made'
  );
}

function placeText(place: DrivePlace | undefined): string {
  if (place?.kind === 'gpt') return `partition ${place.uuid}`;
  return place?.kind === 'mbr'
    ? `the partition at byte ${place.offset} of the disk with signature ${place.signature}`
    : 'a device';
}

/** @returns `undefined` if the part has no `\Windows`. */
async function findWindows(
  disks: ImageDisks,
  part: ImagePart,
  signal: AbortSignal | undefined,
): Promise<true | undefined> {
  const fileSystem = await disks.openFileSystem(part);
  const node = await namingPath(part.path, async () => findPath(fileSystem, utf8('Windows'), { signal }));
  return node?.kind === 'directory' ? true : undefined;
}

function noLetters(unknown: string): KnownLetters {
  return { letters: new Map(), isDirty: false, unknown };
}

async function readLetters(
  disks: ImageDisks,
  system: ImagePart,
  signal: AbortSignal | undefined,
): Promise<KnownLetters> {
  try {
    const fileSystem = await disks.openFileSystem(system);
    return await namingPath(`${system.path}${hivePath}`, async () => {
      const node = await findPath(fileSystem, utf8(hivePath), { signal });
      if (node?.kind !== 'file') return noLetters(`${system.path} has no ${hivePath}`);
      return await readDriveLetters(contentSource(node), signal);
    });
  } catch (error) {
    if (isOfKind(error, ...unreadablePart)) return { ...noLetters(error.message), isUnreadable: true };
    throw error;
  }
}
