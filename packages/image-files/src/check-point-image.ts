import { checkFileSystem, type CheckOptions, DiskBytesLostError, type FileSystemCheck } from '@holdfast/disk';
import { isOfKind, type PointReader, type ReportProgress, type VolumeStretch } from '@holdfast/engine';
import { isAtFault } from './file-system-errors.ts';
import type { ImagePart } from './image-part.ts';
import { LostStretches } from './lost-stretches.ts';
import { openPointImage, type OpenPointImageOptions } from './open-point-image.ts';
import type { PointImage } from './point-image.ts';

/** The answer about a part of an image: a partition, a logical volume, or a volume without any. */
export type PartCheck = {
  /** The beginning of paths that lead into it: `/dev/xvda1`. */
  readonly path: string;
  /** The content as people call it; absent where nothing is known of it, or it is empty. */
  readonly content: string | undefined;
} & (
  | {
      readonly check: FileSystemCheck;
      readonly notices: readonly string[];
      /** What was found may be due to its journal, which was not replayed. */
      readonly isInDoubt: boolean;
    }
  /** It has no file system that is read; that is no damage. */
  | { readonly notSupported: string }
  /** Its file system cannot be opened. */
  | { readonly damaged: string }
);

export interface ImageCheck {
  readonly parts: readonly PartCheck[];
  /** Volumes that cannot be looked into, and why. */
  readonly unread: readonly string[];
  /** Why there may be more parts, or other ones. */
  readonly notices: readonly string[];
  /** Lost stretches on which nothing was found: free space, a journal, a part that is not read. */
  readonly unused: readonly VolumeStretch[];
}

export interface ImageCheckOptions extends Pick<OpenPointImageOptions, 'openSnapshots'> {
  readonly onProgress?: ReportProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks all file systems of an image point, and finds what lies on stretches of its volumes that are lost. Content is
 * not read. Of snapshots, each block that is read is checked against EBS's checksum of it.
 * @param stretches - those that are lost, as a verification of the point found them.
 * @throws NotSupportedError the blocks of the image cannot be had.
 */
export async function checkPointImage(
  reader: PointReader,
  stretches: readonly VolumeStretch[],
  options: ImageCheckOptions = {},
): Promise<ImageCheck> {
  const lost = new LostStretches(stretches);
  const { openSnapshots, signal } = options;
  const open = (onNotice: (text: string) => void): PointImage =>
    openPointImage(reader, { lost, openSnapshots, onNotice, signal });
  return checkImage(open, lost, options);
}

/** @param open - opens an image whose volumes know what of them is lost. */
export async function checkImage(
  open: (onNotice: (text: string) => void) => PointImage,
  lost: LostStretches,
  { onProgress, signal }: ImageCheckOptions = {},
): Promise<ImageCheck> {
  const notices: string[] = [];
  const image = open((text) => void notices.push(text));
  const listed = await image.listParts();
  const unread = await image.listUnreadable();
  // Those of file systems, which follow, come with their parts.
  const ofParts = notices.filter((notice) => !unread.includes(notice));
  const parts: PartCheck[] = [];
  let before = 0;
  for (const part of listed) {
    const checked = await checkPart(image, part, lost, {
      signal,
      onProgress: ({ files, directories }) =>
        onProgress?.({ step: 'check', files: before + files + directories, bytes: 0, unit: 'path' }),
    });
    if ('check' in checked) before += checked.check.files + checked.check.directories;
    parts.push(checked);
  }
  return { parts, unread, notices: ofParts, unused: lost.listUnmet() };
}

async function checkPart(
  image: PointImage,
  part: ImagePart,
  lost: LostStretches,
  options: CheckOptions,
): Promise<PartCheck> {
  const named = { path: part.path, content: part.content?.name };
  try {
    const fileSystem = await image.openFileSystem(part);
    const check = await checkFileSystem(part.source, fileSystem, options);
    for (const { error } of check.findings) if (error instanceof DiskBytesLostError) lost.meet(error);
    return { ...named, check, notices: fileSystem.notices, isInDoubt: !fileSystem.facts.isClean };
  } catch (error) {
    if (isOfKind(error, 'unsupported', 'unknown')) return { ...named, notSupported: error.message };
    if (!isAtFault(error)) throw error;
    if (error.cause instanceof DiskBytesLostError) lost.meet(error.cause);
    return { ...named, damaged: error.message };
  }
}
