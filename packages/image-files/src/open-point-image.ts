import { checkHasBlocks, getVolume, type PointReader } from '@holdfast/engine';
import { PointImage } from './point-image.ts';
import { vaultVolume } from './vault-volume.ts';

/**
 * Opens an image point for the files in its volumes. Reads nothing yet.
 * @param options.signal - ends all that is read for this image.
 * @throws NotSupportedError the point is no image, or its blocks are not in the vault.
 */
export function openPointImage(
  reader: PointReader,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): PointImage {
  checkHasBlocks(reader);
  return new PointImage(
    reader.root.image?.snapshots ?? [],
    async ({ volume }) => vaultVolume(reader, await getVolume(reader, volume, signal), signal),
    signal,
  );
}
