import { checkHasBlocks, getVolume, type PointReader } from '@holdfast/engine';
import { PointImage, type PointImageOptions } from './point-image.ts';
import { vaultVolume } from './vault-volume.ts';

/**
 * Opens an image point for the files in its volumes. Reads nothing yet.
 * @throws NotSupportedError the point is no image, or its blocks are not in the vault.
 */
export function openPointImage(reader: PointReader, options: PointImageOptions = {}): PointImage {
  checkHasBlocks(reader);
  const { signal } = options;
  const { snapshots = [], machine } = reader.root.image ?? {};
  const rootDevice = machine?.['rootDeviceName'];
  return new PointImage(
    snapshots,
    async ({ volume }) => vaultVolume(reader, await getVolume(reader, volume, signal), signal),
    typeof rootDevice === 'string' ? rootDevice : undefined,
    options,
  );
}
