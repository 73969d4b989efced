import { DiskUnsupportedError } from '../errors.ts';
import { openExt } from '../ext/open-ext.ts';
import type { FileSystem, OpenFileSystemOptions } from '../file-system/file-system.ts';
import { openNtfs } from '../ntfs/open-ntfs.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { openXfs } from '../xfs/open-xfs.ts';
import { detectContent, type DetectedContent } from './detect-content.ts';

type Open = (source: ByteSource, options: OpenFileSystemOptions) => Promise<FileSystem>;

/** Those that are read here, by the kind that is detected. */
const readers: Readonly<Partial<Record<DetectedContent['kind'], Open>>> = {
  ext: openExt,
  ntfs: openNtfs,
  xfs: openXfs,
};

/**
 * Opens the file system that is on a partition, volume or whole disk.
 * @throws {@link DiskUnsupportedError} it is none that is read here; the error names what was found.
 * @throws DiskDamagedError it cannot be opened as it is.
 */
export async function openFileSystem(
  source: ByteSource,
  options: OpenFileSystemOptions = {},
): Promise<FileSystem> {
  const content = await detectContent(source, options.signal);
  const open = content && readers[content.kind];
  if (open !== undefined) return open(source, options);
  if (content?.kind === 'lvm')
    throw new DiskUnsupportedError(content.name, 'it holds logical volumes, which readVolumeGroups opens');
  if (content !== undefined) throw new DiskUnsupportedError(content.name);
  throw new DiskUnsupportedError(
    'content of no known kind',
    'the beginning says of no file system, or was never written',
  );
}
