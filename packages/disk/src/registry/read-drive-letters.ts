import type { PartitionTable } from '../partitions/partition.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields, guidText } from '../source/fields.ts';
import { type HiveValue, openHive } from './open-hive.ts';

/** The place that a letter of Windows stands for. */
export type DrivePlace =
  /** The partition of a GPT, by its GUID; or a volume of dynamic disks, which is known by one, too. */
  | { readonly kind: 'gpt'; readonly uuid: string }
  /** The partition of an MBR, by the signature of its disk (eight hexadecimal digits) and its offset in bytes. */
  | { readonly kind: 'mbr'; readonly signature: string; readonly offset: number }
  /** Something else, such as a drive for CDs, or a disk that can be pulled out. */
  | { readonly kind: 'device' };

export interface DriveLetters {
  /** By capital letters. */
  readonly letters: ReadonlyMap<string, DrivePlace>;
  /** The hive was not closed: the newest changes may be in its logs alone. */
  readonly isDirty: boolean;
}

const gptSignature = 'DMIO:ID:';

/**
 * The letters that Windows remembers, by its registry. It remembers also those of disks that are gone.
 * @param system - the content of `\Windows\System32\config\SYSTEM`.
 * @throws DiskDamagedError, DiskUnsupportedError it cannot be read.
 * @see https://winreg-kb.readthedocs.io/en/latest/sources/system-keys/Mounted-devices.html
 */
export async function readDriveLetters(system: ByteSource, signal?: AbortSignal): Promise<DriveLetters> {
  const hive = await openHive(system, signal);
  const letters = new Map<string, DrivePlace>();
  const key = await hive.find(['MountedDevices'], signal);
  if (key !== undefined)
    for await (const value of key.values(signal)) {
      const letter = /^\\DosDevices\\(?<letter>[a-z]):$/i.exec(value.name)?.groups?.['letter'];
      if (letter !== undefined) letters.set(letter.toUpperCase(), await placeOf(value, signal));
    }
  return { letters, isDirty: hive.isDirty };
}

/** True if the letter stands for a partition of this table. */
export function isDrivePlace(
  place: DrivePlace,
  { uuid, offset }: Pick<PartitionTable['partitions'][number], 'uuid' | 'offset'>,
): boolean {
  if (place.kind === 'gpt') return uuid === place.uuid;
  // Linux names a partition of an MBR by the signature of the disk and its number.
  return (
    place.kind === 'mbr' &&
    offset === place.offset &&
    uuid !== undefined &&
    /^[\da-f]{8}-[\da-f]{2}$/.test(uuid) &&
    uuid.startsWith(place.signature)
  );
}

async function placeOf(value: HiveValue, signal: AbortSignal | undefined): Promise<DrivePlace> {
  if (value.bytes !== 12 && value.bytes !== 24) return { kind: 'device' };
  const fields = new Fields(await value.read(signal), `value ${value.name}`);
  if (value.bytes === 12)
    return {
      kind: 'mbr',
      signature: fields.u32(0).toString(16).padStart(8, '0'),
      offset: fields.u64(4),
    };
  return fields.has(0, gptSignature)
    ? { kind: 'gpt', uuid: guidText(fields.slice(8, 16)) }
    : { kind: 'device' };
}
