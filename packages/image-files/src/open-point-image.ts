import { checkHasBlocks, getVolume, type PointReader } from '@holdfast/engine';
import type { OpenSnapshots } from './changed-places.ts';
import type { LostStretches } from './lost-stretches.ts';
import { PointImage, type PointImageOptions } from './point-image.ts';
import { snapshotVolume } from './snapshot-volume.ts';
import { vaultVolume } from './vault-volume.ts';

export interface OpenPointImageOptions extends PointImageOptions {
  /**
   * Opens the snapshots of EBS, for a point whose blocks are not in the vault.
   * @default such a point is refused
   */
  readonly openSnapshots?: OpenSnapshots | undefined;
  /** Stretches that are known to be damaged in the vault; they are not asked for. */
  readonly lost?: LostStretches | undefined;
}

/**
 * Opens an image point for the files in its volumes: out of the vault, or where that does not have its blocks, out of
 * its snapshots. Reads nothing yet.
 * @throws NotSupportedError the point is no image, or its blocks cannot be had.
 */
export function openPointImage(reader: PointReader, options: OpenPointImageOptions = {}): PointImage {
  const { image, manifest } = reader.root;
  const { signal, openSnapshots, lost } = options;
  if (image === undefined || openSnapshots === undefined) checkHasBlocks(reader);
  const rootDevice = image?.machine?.['rootDeviceName'];
  return new PointImage(
    image?.snapshots ?? [],
    async ({ volume, snapshot }) => {
      if (manifest === undefined && openSnapshots !== undefined)
        return snapshotVolume(await openSnapshots(), snapshot, { signal });
      const source = vaultVolume(reader, await getVolume(reader, volume, signal), { signal });
      return lost?.markIn(volume, source) ?? source;
    },
    typeof rootDevice === 'string' ? rootDevice : undefined,
    options,
  );
}
