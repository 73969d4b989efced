import type { ByteSource, DetectedContent, FileNode, FileSystem, Partition } from '@holdfast/disk';

/** A stretch of an image that can have a file system. */
export interface ImagePart {
  readonly kind: 'volume' | 'partition' | 'logical-volume';
  /** The volume that it is on; absent of a logical volume, which may be on several. */
  readonly volume: string | undefined;
  /** The beginning of paths that lead into it: `/dev/xvda1`, `/dev/vg0/root`. */
  readonly path: string;
  /** Says where it lies: another one, where its bytes may be at another place of volumes. */
  readonly place: string;
  readonly source: ByteSource;
  /** Absent where nothing is known of it, or it is empty. */
  readonly content: DetectedContent | undefined;
  /** Its entry in the table; absent of all but partitions. */
  readonly partition: Partition | undefined;
}

/** The target of a path within an image: parts of it, or a node of a file system. */
export type ImagePlace =
  | { readonly kind: 'parts'; readonly parts: readonly ImagePart[] }
  | {
      readonly kind: 'node';
      readonly part: ImagePart;
      readonly fileSystem: FileSystem;
      readonly node: FileNode;
      /** The path as it was understood, without a slash at its end: `/dev/xvda1/etc`. */
      readonly path: string;
    };

/** Content that is opened as a file system. */
export function isReadable({ content }: ImagePart): boolean {
  return content?.kind === 'ext' || content?.kind === 'xfs' || content?.kind === 'ntfs';
}

/** Parts for a sentence: `/dev/xvda1 (ext4), /dev/xvda2 (swap space)`. */
export function partsText(parts: readonly ImagePart[]): string {
  return parts.map(({ path, content }) => `${path} (${content?.name ?? 'nothing known'})`).join(', ');
}
