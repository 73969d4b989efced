import { type ByteSource, detectContent, DiskError, readVolumeGroups } from '@holdfast/disk';
import type { ImagePart } from './image-part.ts';

/** A logical volume of LVM by the names that Linux has for it. */
export interface LogicalVolumePlace {
  readonly group: string;
  /** `/dev/vg0/root` */
  readonly path: string;
  /** `/dev/mapper/vg0-root` */
  readonly mapperPath: string;
  /** The source that it lies on, or the reason why it cannot be read, such as a volume that is missing. */
  readonly found: ImagePart | DiskError;
}

export interface LogicalVolumes {
  readonly places: readonly LogicalVolumePlace[];
  readonly notices: readonly string[];
}

/** The logical volumes that lie on parts of an image. */
export async function readLogicalVolumes(
  physical: readonly ImagePart[],
  signal: AbortSignal | undefined,
): Promise<LogicalVolumes> {
  if (physical.length === 0) return { places: [], notices: [] };
  const sources = physical.map(({ source }) => source);
  const { groups, sources: used, notices } = await readVolumeGroups(sources, signal);
  const places: LogicalVolumePlace[] = [];
  // Another copy of a physical volume may count, though nothing in it has changed.
  const lying = used.map((index) => physical[index]?.place).join();
  for (const group of groups)
    for (const { name, uuid, open } of group.volumes) {
      const path = `/dev/${group.name}/${name}`;
      const mapperPath = `/dev/mapper/${mapperName(group.name)}-${mapperName(name)}`;
      places.push({
        group: group.name,
        path,
        mapperPath,
        found: await openPart({ path, place: `${uuid} ${group.version} ${lying}`, open, signal }),
      });
    }
  return { places, notices };
}

/** The place that a path begins with, and what of the path is within it. */
export function findLogicalVolume(
  places: readonly LogicalVolumePlace[],
  path: string,
): { readonly place: LogicalVolumePlace; readonly inner: string } | undefined {
  for (const place of places)
    for (const name of [place.path, place.mapperPath])
      if (path === name || path.startsWith(`${name}/`)) return { place, inner: path.slice(name.length + 1) };
  return undefined;
}

/** The device mapper parts group and volume by a hyphen, and doubles those in names. */
function mapperName(name: string): string {
  return name.replaceAll('-', '--');
}

async function openPart({
  path,
  place,
  open,
  signal,
}: Pick<ImagePart, 'path' | 'place'> & {
  readonly open: () => ByteSource;
  readonly signal: AbortSignal | undefined;
}): Promise<ImagePart | DiskError> {
  try {
    const source = open();
    const content = await detectContent(source, signal);
    return { kind: 'logical-volume', volume: undefined, path, place, source, content, partition: undefined };
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
