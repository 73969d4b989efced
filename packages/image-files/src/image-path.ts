import { UnknownNameError, type VolumeSnapshot } from '@holdfast/engine';

/** A path within an image, as far as its text tells. */
export interface ImagePath {
  readonly volume: string;
  /** The volume as it was written. */
  readonly name: string;
  readonly partition: number | undefined;
  /** Within the file system; absent where nothing follows the volume. */
  readonly inner: string | undefined;
}

/** @throws {@link UnknownNameError} the path begins with no volume. */
export function parseImagePath(
  volumes: readonly Pick<VolumeSnapshot, 'volume' | 'device'>[],
  path: string,
): ImagePath {
  const names = volumes.flatMap(({ volume, device }) => [
    // A volume's id ends in digits and letters up to f: only a "p" tells where it ends.
    { volume, name: volume, rest: /^(?:p(?<number>\d+))?(?:\/(?<inner>.*))?$/s },
    ...(device === undefined
      ? []
      : [{ volume, name: device, rest: /^(?:p?(?<number>\d+))?(?:\/(?<inner>.*))?$/s }]),
  ]);
  // Longest first: EC2 calls volumes /dev/sda and /dev/sda1 alike.
  for (const { volume, name, rest } of names.sort((one, other) => other.name.length - one.name.length)) {
    const found = path.startsWith(name) ? rest.exec(path.slice(name.length)) : null;
    if (found === null) continue;
    const { number, inner } = found.groups ?? {};
    return { volume, name, partition: number === undefined ? undefined : Number(number), inner };
  }
  const known = volumes.map(({ volume, device }) => device ?? volume).join(', ');
  throw new UnknownNameError(
    `${JSON.stringify(path)} is on no volume of this image; begin with one of ${known}`,
  );
}

/** The beginning of a path that leads to a partition. */
export function partitionPath(name: string, number: number): string {
  return `${name}${/\d$/.test(name) || name.startsWith('vol-') ? 'p' : ''}${number}`;
}
