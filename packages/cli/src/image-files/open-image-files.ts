import type { PointReader } from '@holdfast/engine';
import type { ImageSource } from '@holdfast/image-files';
import type { Connection } from '../deployment/connection.ts';
import type { CommandContext } from '../terminal/command.ts';

/**
 * Opens files of an image for a restore, out of the vault or out of its snapshots. Reasons to doubt their file systems go
 * to stderr.
 * @throws UnknownNameError there is nothing at a path.
 */
export async function openImageFiles(
  reader: PointReader,
  paths: readonly string[],
  {
    openSnapshots,
    warn,
    signal,
  }: Pick<CommandContext, 'warn' | 'signal'> & Pick<Connection, 'openSnapshots'>,
): Promise<ImageSource> {
  // It reads file systems of disks, which no restore of files needs.
  const { ImageSource, lookUpPaths, openPointImage } = await import('@holdfast/image-files');
  const image = openPointImage(reader, { openSnapshots, signal, onNotice: warn });
  return new ImageSource(image, await lookUpPaths(image, paths));
}
