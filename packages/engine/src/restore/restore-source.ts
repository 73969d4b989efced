import type { BackupError } from '../errors.ts';
import type { FileEntry } from '../manifest/file-entry.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import type { UnkeptFact } from '../model/machines/restore-report.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { SampleOptions } from './sample-entries.ts';

/** Something at a path that is no file to be written: it cannot be read, or a restore does not make it. */
export interface LeftOutFile {
  readonly path: Uint8Array;
  readonly why: BackupError | UnkeptFact;
}

/** A file that a restore writes, with facts of it that no target gets. */
export interface RestoredFile extends Pick<FileEntry, 'entry' | 'carriedFrom'> {
  readonly unkept?: readonly UnkeptFact[] | undefined;
  /** The reason why not all that is in a directory is among the files. */
  readonly lacks?: BackupError | undefined;
  /** Of a file with several names: an id that they have, and no other file of the source, and how many they are. */
  readonly names?: { readonly id: string; readonly count: number } | undefined;
}

/** A file's content as it is read. */
export interface ReadContent extends AsyncIterable<Uint8Array> {
  /** Gives back the memory of the pieces that were read so far: nobody may use them afterwards. */
  release?(): void;
}

/** A file with all of its content in memory, every piece of it verified. */
export interface WholeFile {
  readonly file: RestoredFile;
  readonly pieces: readonly Uint8Array[];
  /** Gives back the memory of the pieces: nobody may use them afterwards. */
  readonly release: () => void;
}

/** The files of a range of keys in the order of their paths, whose content may be taken or not. */
export interface RestoredFiles {
  /** The file behind the one that is open. */
  next(): Promise<RestoredFile | LeftOutFile | undefined>;
  /**
   * Takes the file behind the one that is open, if all of it is in memory already: nothing has to be waited for, which is
   * most of what a small file costs. `undefined` says that it takes `next`.
   */
  nextWhole?(mostBytes: number): WholeFile | undefined;
  /** Opens the file that the range begins with, at a byte of its content. */
  open(path: Uint8Array, from: number): Promise<RestoredFile>;
  /** The open file's content that has not been read, every piece of it verified. The first error ends it. */
  content(): ReadContent;
  /** Ends reading, also what is under way. */
  close(): Promise<void>;
  /** The refusal, when nothing of the vault could be read. */
  readonly refusalOfAll?: BackupError | undefined;
}

/** The source of restored files: the manifest of a point, or the file systems in its volumes. */
export interface RestoreSource {
  open(range: KeyRange, signal?: AbortSignal): Promise<RestoredFiles>;
  /** The entry of exactly that path, as far as it can be read. */
  find(path: Uint8Array, signal?: AbortSignal): Promise<SourceEntry | undefined>;
  /** Entries from all over a selection. */
  sample(
    selection: readonly KeyRange[],
    options: SampleOptions,
    signal?: AbortSignal,
  ): Promise<readonly SourceEntry[]>;
}
