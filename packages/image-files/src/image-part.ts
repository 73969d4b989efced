import type { ByteSource, DetectedContent, FileNode, FileSystem, Partition } from '@holdfast/disk';

/** A stretch of an image that can have a file system: a partition, or a volume that has none. */
export interface ImagePart {
  readonly kind: 'volume' | 'partition';
  readonly volume: string;
  /** The beginning of paths that lead into it: `/dev/xvda1`. */
  readonly path: string;
  readonly source: ByteSource;
  /** Absent where nothing is known of it, or it is empty. */
  readonly content: DetectedContent | undefined;
  /** Its entry in the table; absent of a volume. */
  readonly partition: Partition | undefined;
}

/** The target of a path within an image: the partitions of a volume, or a node of a file system. */
export type ImagePlace =
  | {
      readonly kind: 'parts';
      readonly parts: readonly ImagePart[];
      /** Reasons to doubt what was found. */
      readonly notices: readonly string[];
    }
  | {
      readonly kind: 'node';
      readonly part: ImagePart;
      readonly fileSystem: FileSystem;
      readonly node: FileNode;
      /** The path as it was understood, without a slash at its end: `/dev/xvda1/etc`. */
      readonly path: string;
      readonly notices: readonly string[];
    };
