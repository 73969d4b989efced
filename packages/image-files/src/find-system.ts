import { isOfKind, UnknownNameError } from '@holdfast/engine';
import { nameOfVolume } from './device-names.ts';
import { unreadablePart, unreadableVolume } from './file-system-errors.ts';
import type { ImageDisks } from './image-disks.ts';
import { type ImagePart, isReadable, partsText } from './image-part.ts';

interface Found<Value> {
  readonly part: ImagePart;
  readonly value: Value;
}

/**
 * Parts that have what the system of a machine has: those on the volume that it starts from, or if none of them has it,
 * the others. A file system that cannot be read is none of a running machine, as far as can be seen.
 * @throws {@link UnknownNameError} it can be the one that the machine starts from, and another disk must not pass for it.
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
  const { found } = await lookAt(parts.filter((part) => !isOnRoot(part)));
  // A logical volume may lie on the one that the machine starts from.
  if (rootVolume === undefined || found.every(({ part }) => part.volume === undefined)) return found;
  const name = nameOfVolume(rootVolume);
  const whole = await unlessUnreadable(async () => disks.layout(rootVolume, name), unreadableVolume);
  const failures = whole instanceof Error ? [`${name}: ${whole.message}`] : onRoot.failures;
  if (failures.length === 0) return found;
  throw new UnknownNameError(
    `the machine starts from ${name}, of which not all can be read (${failures.join('; ')}); begin the path with one of ${partsText(parts)}`,
  );
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
