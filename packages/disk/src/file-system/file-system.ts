import type { DiskError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';

/** A file system that is read, and never written. Any number of readers can be under way at once. */
export interface FileSystem {
  readonly facts: FileSystemFacts;
  /** Reasons to doubt the content, such as a journal that was not replayed; more may come up in reading. */
  readonly notices: readonly string[];
  /** Damage that copies made good, found so far; it is among the notices, too. */
  readonly madeGood?: readonly string[];
  root(signal?: AbortSignal): Promise<FileNode>;
  /**
   * The node of a number, as directories name it.
   * @throws DiskDamagedError there is no such node, or it is damaged.
   */
  node(id: number, signal?: AbortSignal): Promise<FileNode>;
  /** Nodes that say that they have a name, whether they are found or not. Absent where that is not known. */
  listNamed?(signal?: AbortSignal): AsyncIterable<ListedNode>;
  /** Stretches of the source that are no node's. Absent where they are not known. */
  listOwn?(signal?: AbortSignal): AsyncIterable<OwnStretch>;
  /** Absent where it cannot be told whether nodes are as in another state. */
  readonly basis?: FileSystemBasis;
}

/**
 * All that nodes and lists of directories rest on, to tell whether they are the same in another state of the file system:
 * what was read for them (`onRead`) has the same bytes, and tables that were looked up (`onTable`) are where they were.
 */
export interface FileSystemBasis {
  /** Equal for two states that find nodes in the same way. */
  readonly layout: string;
  /** Nodes are read from it: the source, in which blocks of a replayed journal stand in place of what is stored. */
  readonly source: ByteSource;
  /** True if something of a stretch comes from the journal. */
  isReplayed?(offset: number, length: number): boolean;
  /** The place of a table of nodes. */
  tableAt?(table: number, signal?: AbortSignal): Promise<number>;
}

/** A node of a list, or the reason why some of the list cannot be read. */
export type ListedNode =
  | { readonly id: number; readonly error?: undefined }
  | { readonly id?: undefined; readonly error: DiskError };

/** A stretch of the source in which a file system keeps itself. */
export interface OwnStretch {
  /** `inode table of group 3`. */
  readonly what: string;
  readonly at: number;
  readonly bytes: number;
}

export interface FileSystemFacts {
  /** `ext4`, `xfs`, `ntfs` … */
  readonly type: string;
  readonly label: string;
  readonly uuid: string;
  readonly bytes: number;
  readonly blockBytes: number;
  /** The path of its last mount, as far as it says. */
  readonly mountedAt: string;
  /** It was unmounted or frozen, or its journal was replayed: damage is not due to what only that has. */
  readonly isClean: boolean;
  /** Two files may have the same blocks. */
  readonly sharesBlocks: boolean;
}

export type NodeKind =
  | 'file'
  | 'directory'
  | 'link'
  | 'fifo'
  | 'socket'
  | 'character-device'
  | 'block-device';

/** Nanoseconds since 1970, less than zero before it. */
export type Nanoseconds = bigint;

/** A file, directory or link, whatever its names are. What takes long, or can be long, is asked for. */
export interface FileNode {
  readonly id: number;
  readonly kind: NodeKind;
  /** The size of the content; of a link, that of its target. */
  readonly bytes: number;
  /** Permissions, with set-user-id, set-group-id and sticky: `0o7777` at most. */
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Names that it has; 0 of one that was deleted while it was open. */
  readonly names: number;
  readonly modifiedAt: Nanoseconds;
  readonly accessedAt: Nanoseconds;
  /** The time of the last change of anything of it, its owner for example. */
  readonly changedAt: Nanoseconds;
  /** Absent where the file system does not keep it. */
  readonly createdAt: Nanoseconds | undefined;
  /** Absent of all but devices. */
  readonly device: { readonly major: number; readonly minor: number } | undefined;

  /** Entries of a directory in the order of the disk, without `.` and `..`. */
  list(signal?: AbortSignal): AsyncIterable<DirectoryEntry>;
  /** The entry of that name; by the directory's index where it has one. */
  find(name: Uint8Array, signal?: AbortSignal): Promise<DirectoryEntry | undefined>;
  /** Stretches of the content of a file, in order, together all of the range. */
  runs(range?: ContentRange, signal?: AbortSignal): AsyncIterable<ContentRun>;
  /** The content, in pieces of a mebibyte at most; holes come as zeros. Pieces must not be changed. */
  read(range?: ContentRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The same of runs that `runs` gave, or of parts of them: several stretches can be read at once by one map. */
  readRuns(runs: Iterable<ContentRun>, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  linkTarget(signal?: AbortSignal): Promise<Uint8Array>;
  /** Extended attributes as `getxattr` gives them. */
  attributes(signal?: AbortSignal): Promise<readonly NodeAttribute[]>;
}

export interface DirectoryEntry {
  /** Neither empty nor `.` or `..`, and without `/` and zero bytes. Of whatever encoding. */
  readonly name: Uint8Array;
  readonly id: number;
  /** As the directory says; absent where it does not. */
  readonly kind: NodeKind | undefined;
}

export interface NodeAttribute {
  /** With its namespace: `user.comment`. */
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** In bytes. `to` is exclusive, and cut at the end of the content. */
export interface ContentRange {
  /** @default 0 */
  readonly from?: number;
  /** @default the end */
  readonly to?: number;
}

/**
 * A stretch of content: bytes that are on the source `at` an offset, a hole, which reads as zeros (`reserved`: with
 * blocks that were never written), or bytes that the node itself has.
 */
export type ContentRun = { readonly offset: number; readonly bytes: number } & (
  | { readonly kind: 'stored'; readonly at: number }
  | { readonly kind: 'hole'; readonly reserved: boolean }
  | { readonly kind: 'inline'; readonly content: Uint8Array }
);

export interface OpenFileSystemOptions {
  /** Everything that names content is checked against its checksum, where it has one. @default true */
  readonly verifyChecksums?: boolean;
  /** Told of every stretch that is read for a node, of the source of the file system's `basis`. */
  readonly onRead?: ((offset: number, length: number) => void) | undefined;
  /** Told of every table of nodes that is used, and of its place. */
  readonly onTable?: ((table: number, at: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
