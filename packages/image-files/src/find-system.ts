import type { DetectedContent } from '@holdfast/disk';
import { BackupError, isOfKind, type VolumeSnapshot } from '@holdfast/engine';
import { nameOfVolume } from './device-names.ts';
import { unreadablePart, unreadableVolume } from './file-system-errors.ts';
import type { ImageDisks } from './image-disks.ts';
import { type ImagePart, isReadable, partsText } from './image-part.ts';

interface Found<Value> {
  readonly part: ImagePart;
  readonly value: Value;
}

/** The system of a machine may be in what cannot be read, so that nothing else may pass for it, or for all there is. */
export class UnclearSystemError extends BackupError {
  override readonly name = 'UnclearSystemError';
}

/** Contents that are not read, and in which a system can be. */
const closed: ReadonlySet<DetectedContent['kind'] | undefined> = new Set([
  'luks',
  'bitlocker',
  'raid',
  'btrfs',
  'zfs',
  'refs',
] as const);

/**
 * Parts that have what the system of a machine has: those on the volume that it starts from, or if none of them has it,
 * the others.
 * @throws {@link UnclearSystemError} what cannot be read may be that system: anything, where there is no other; where
 *   there is, what is on the volume that the machine starts from.
 */
export async function findSystem<Value>(
  disks: ImageDisks,
  rootDevice: string | undefined,
  look: (part: ImagePart) => Promise<Value | undefined>,
): Promise<readonly Found<Value>[]> {
  const rootVolume = disks.volumes.find(({ device }) => device !== undefined && device === rootDevice);
  const { parts } = await disks.all();
  const isOnRoot = ({ volume }: ImagePart): boolean => volume !== undefined && volume === rootVolume?.volume;
  const lookAt = async (some: readonly ImagePart[]) => {
    const found: Found<Value>[] = [];
    const failures: string[] = [];
    for (const part of some.filter(isReadable)) {
      const value = await unlessUnreadable(async () => look(part), unreadablePart);
      if (value instanceof Error) failures.push(value.message);
      else if (value !== undefined) found.push({ part, value });
    }
    return { found, failures };
  };
  const onRoot = await lookAt(parts.filter(isOnRoot));
  if (onRoot.found.length > 0) return onRoot.found;
  const others = await lookAt(parts.filter((part) => !isOnRoot(part)));
  const unclear = (failures: readonly string[], where: string): UnclearSystemError =>
    new UnclearSystemError(
      `${where} not all can be read (${failures.join('; ')}); begin the path with one of ${partsText(parts)}`,
    );
  if (others.found.length === 0) {
    const failures = [...onRoot.failures, ...others.failures];
    if (failures.length > 0) throw unclear(failures, 'of this image');
  }
  // A logical volume may lie on the one that the machine starts from.
  if (rootVolume === undefined || others.found.every(({ part }) => part.volume === undefined))
    return others.found;
  const failures = [...onRoot.failures, ...(await listClosed(disks, rootVolume))];
  if (failures.length > 0)
    throw unclear(failures, `the machine starts from ${nameOfVolume(rootVolume)}, of which`);
  return others.found;
}

/** Reasons why a volume may have a system that is not seen. */
async function listClosed(disks: ImageDisks, volume: VolumeSnapshot): Promise<readonly string[]> {
  const name = nameOfVolume(volume);
  const layout = await unlessUnreadable(async () => disks.layout(volume, name), unreadableVolume);
  if (layout instanceof Error) return [`${name}: ${layout.message}`];
  const { places } = await disks.all();
  const logical = layout.parts.some(({ content }) => content?.kind === 'lvm') ? places : [];
  return [
    ...layout.parts
      .filter(({ content }) => closed.has(content?.kind))
      .map(({ path, content }) => `${path}: ${content?.name} is not supported`),
    ...logical.flatMap(({ path, found }) => (found instanceof Error ? [`${path}: ${found.message}`] : [])),
  ];
}

async function unlessUnreadable<Value>(
  read: () => Promise<Value>,
  kinds: typeof unreadablePart | typeof unreadableVolume,
): Promise<Value | Error> {
  try {
    return await read();
  } catch (error) {
    if (isOfKind(error, ...kinds)) return error;
    throw error;
  }
}
