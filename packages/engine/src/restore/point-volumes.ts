import { NotSupportedError, UnknownNameError } from '../errors.ts';
import { decodeVolumeEntry, type VolumeEntry } from '../manifest/volume-entry.ts';
import { volumeEntries } from '../manifest/volume-entries.ts';
import { entryKey } from '../manifest/tuple-key.ts';
import { utf8 } from '../bytes.ts';
import type { VolumeSnapshot } from '../points/root.ts';
import type { PointReader } from './point-reader.ts';

/** A volume whose blocks are in the vault, and what its image says of it. */
export interface PointVolume extends VolumeEntry {
  /** Absent only where root and manifest contradict each other. */
  readonly record?: VolumeSnapshot;
}

/** Volumes whose blocks the vault has, in the order of their ids. Reads a page or two for each. */
export async function* listVolumes(reader: PointReader, signal?: AbortSignal): AsyncGenerator<PointVolume> {
  for await (const entry of volumeEntries(reader.manifest, signal)) yield withRecord(reader, entry);
}

/**
 * Finds a volume by its id or its device, or the only one of an image.
 * @throws {@link NotSupportedError} the point is no image, or its blocks are not in the vault.
 * @throws {@link UnknownNameError} it has no such volume, or several where none is named.
 */
export async function getVolume(
  reader: PointReader,
  name: string | undefined,
  signal?: AbortSignal,
): Promise<PointVolume> {
  const { root, manifest } = reader;
  checkHasBlocks(reader);
  const snapshots = root.image?.snapshots ?? [];
  const named = snapshots.filter(
    ({ volume, device }) => name === undefined || volume === name || device === name,
  );
  const [only] = named;
  if (only !== undefined && named.length === 1) {
    const entry = await manifest.find(entryKey(utf8(only.volume)), signal);
    if (entry !== undefined) return withRecord(reader, decodeVolumeEntry(entry, `point ${root.point}`));
  }
  const all = snapshots.map(({ volume, device }) =>
    device === undefined ? volume : `${volume} (${device})`,
  );
  throw new UnknownNameError(
    `${name === undefined ? 'no volume is named' : `volume "${name}" is not in point ${root.point}`}; it has ${all.join(', ')}`,
  );
}

/** @throws {@link NotSupportedError} the point is no image, or its blocks are not in the vault. */
export function checkHasBlocks({ root }: Pick<PointReader, 'root'>): void {
  if (root.image === undefined)
    throw new NotSupportedError(
      `point ${root.point} holds files of ${root.resource}, and no volumes; restore them into a directory or a bucket`,
    );
  if (root.manifest !== undefined) return;
  const snapshots = root.image.snapshots.map(({ snapshot }) => snapshot).join(', ');
  throw new NotSupportedError(
    `point ${root.point} consists of EBS snapshots, whose blocks are not in the vault: ${snapshots}; ` +
      'make volumes of them in EC2, with "holdfast restore … --to-volumes <zone>" or by hand',
  );
}

function withRecord({ root }: PointReader, entry: VolumeEntry): PointVolume {
  return { ...entry, record: root.image?.snapshots.find(({ volume }) => volume === entry.volume) };
}
