import { UnknownNameError, type VolumeSnapshot } from '@holdfast/engine';

/** A volume of an image, as much of it as names tell. */
export type NamedVolume = Pick<VolumeSnapshot, 'volume' | 'device'>;

/** A path that begins with a volume, as far as its text tells. */
export interface DevicePath<Volume extends NamedVolume> {
  readonly volume: Volume;
  /** The volume as it was written. */
  readonly name: string;
  readonly partition: number | undefined;
  /** Set where the name has a partition's number although the volume may be all that it means: `/dev/sda1`. */
  readonly mayBeWhole: boolean;
  /** Within the file system; absent where nothing follows the volume. */
  readonly inner: string | undefined;
}

interface Name<Volume> {
  readonly volume: Volume;
  readonly name: string;
  readonly rest: RegExp;
  /** The number at the end of the device by which EC2 knows the volume. */
  readonly own?: number;
}

/** A volume's id ends in digits and letters up to f: only a "p" tells where it ends. */
const afterId = /^(?:p(?<number>\d+))?(?:\/(?<inner>.*))?$/s;
const afterDevice = /^(?:p?(?<number>\d+))?(?:\/(?<inner>.*))?$/s;

/**
 * Finds the volume that a path begins with: by its id, by the device as EC2 knows it, or by a name that Linux gives to
 * that device: `/dev/sdf` is `/dev/xvdf` to many kernels, and `/dev/sda1` may be the disk `/dev/xvda`.
 * @throws {@link UnknownNameError} it is a name of NVMe, which does not tell which of several volumes it is.
 */
export function findDevice<Volume extends NamedVolume>(
  volumes: readonly Volume[],
  path: string,
): DevicePath<Volume> | undefined {
  const exact = volumes.flatMap((volume): Name<Volume>[] => [
    { volume, name: volume.volume, rest: afterId },
    ...(volume.device === undefined ? [] : [{ volume, name: volume.device, rest: afterDevice }]),
  ]);
  const byKernel = volumes.flatMap((volume) => kernelNames(volume));
  return match(exact, path) ?? match(byKernel, path) ?? findNvme(volumes, path);
}

/** The beginning of a path that leads to a partition. */
export function partitionPath(name: string, number: number): string {
  return `${name}${/\d$/.test(name) || name.startsWith('vol-') ? 'p' : ''}${number}`;
}

/** The name that people call a volume by. */
export function nameOfVolume({ volume, device }: NamedVolume): string {
  return device ?? volume;
}

function kernelNames<Volume extends NamedVolume>(volume: Volume): Name<Volume>[] {
  const parts = /^(?:\/dev\/)?(?:sd|xvd)(?<letters>[a-z]+)(?<own>\d*)$/.exec(volume.device ?? '')?.groups;
  if (parts === undefined) return [];
  const own = parts['own'] === '' ? undefined : Number(parts['own']);
  return ['sd', 'xvd'].map((driver) => ({
    volume,
    name: `/dev/${driver}${parts['letters']}`,
    rest: afterDevice,
    own,
  }));
}

function match<Volume extends NamedVolume>(
  names: readonly Name<Volume>[],
  path: string,
): DevicePath<Volume> | undefined {
  // Longest first: EC2 calls volumes /dev/sda and /dev/sda1 alike.
  for (const { volume, name, rest, own } of names.toSorted(
    (one, other) => other.name.length - one.name.length,
  )) {
    const found = path.startsWith(name) ? rest.exec(path.slice(name.length)) : null;
    if (found === null) continue;
    const { number, inner } = found.groups ?? {};
    const partition = number === undefined ? undefined : Number(number);
    return { volume, name, partition, mayBeWhole: partition !== undefined && partition === own, inner };
  }
  return undefined;
}

function findNvme<Volume extends NamedVolume>(
  volumes: readonly Volume[],
  path: string,
): DevicePath<Volume> | undefined {
  const found = /^(?<name>\/dev\/nvme\d+n1)(?:p(?<number>\d+))?(?:\/(?<inner>.*))?$/s.exec(path)?.groups;
  if (found === undefined) return undefined;
  const { name = '', number, inner } = found;
  const [volume, ...more] = volumes;
  if (volume !== undefined && more.length === 0)
    return {
      volume,
      name,
      partition: number === undefined ? undefined : Number(number),
      mayBeWhole: false,
      inner,
    };
  throw new UnknownNameError(
    `${name} may be any volume of this image: names of NVMe follow the order in which a machine finds its volumes; ` +
      `begin with one of ${volumes.map(nameOfVolume).join(', ')}`,
  );
}
