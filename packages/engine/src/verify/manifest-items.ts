import { equalBytes, fromUtf8 } from '../bytes.ts';
import { type BackupError, StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import { isLoss } from './loss.ts';
import type { LostPage, Walked } from './walk-leaves.ts';

/** A file or volume of the manifest on its way through verification. One object for all findings about it. */
export interface FileState {
  readonly path: Uint8Array;
  /** It has been reported already. */
  damaged: boolean;
}

export type ManifestItem =
  | { readonly begins: FileState }
  | { readonly chunkOf: FileState; readonly chunk: ChunkReference }
  /** A file that cannot be restored, whatever its chunks are. */
  | { readonly damaged: FileState; readonly error: BackupError }
  | { readonly lost: LostPage };

interface OpenFile extends FileState {
  /** Content bytes that it has to have; `undefined` when its own entry is lost. */
  readonly size: number | undefined;
  /** Content bytes seen so far. */
  at: number;
}

/** Follows the entries of a manifest, and complains of what a restore could not make out. */
export interface Tracker {
  take(entry: Entry): Iterable<ManifestItem>;
  /** Told of a page that cannot be read, between two entries. */
  lose(error: BackupError): Iterable<ManifestItem>;
  end(): Iterable<ManifestItem>;
}

/**
 * Lists files and chunks of a manifest in order, and the gaps between them: lost pages, content that a page had,
 * entries that no writer makes. Each file is reported as damaged once at most.
 */
export async function* manifestItems(
  walked: AsyncIterable<Walked>,
  origin: string,
  files: Tracker = new FileTracker(origin),
): AsyncGenerator<ManifestItem> {
  for await (const step of walked) {
    if ('lost' in step) {
      yield { lost: step };
      yield* files.lose(step.error);
      continue;
    }
    for (const entry of step.entries) yield* files.take(entry);
  }
  yield* files.end();
}

class FileTracker implements Tracker {
  readonly #origin: string;
  #file: OpenFile | undefined;
  /** The page that was lost since the last file began: the reason for a gap. */
  #lost: BackupError | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  *take(entry: Entry): Generator<ManifestItem> {
    // A key without a path has a name all the same.
    let path = entry.key;
    try {
      const key = decodeFileKey(entry.key, this.#origin);
      path = key.path;
      if (key.offset === undefined) yield* this.#begin(entry, path);
      else yield* this.#content(decodeExtent(entry, this.#origin));
    } catch (error) {
      if (!isLoss(error)) throw error;
      yield* this.#fail(this.#fileOf(path), error);
    }
  }

  lose(error: BackupError): readonly ManifestItem[] {
    this.#lost = error;
    return [];
  }

  *end(): Generator<ManifestItem> {
    const file = this.#file;
    this.#file = undefined;
    if (file?.size === undefined || file.at === file.size) return;
    yield* this.#fail(
      file,
      this.#lost ?? this.#complaint(`it has ${file.at} of the ${file.size} bytes of ${nameOf(file)}`),
    );
  }

  *#begin(entry: Entry, path: Uint8Array): Generator<ManifestItem> {
    yield* this.end();
    this.#lost = undefined;
    const file: OpenFile = { path, damaged: false, at: 0, size: undefined };
    this.#file = file;
    const { kind, size } = decodeFileEntry(entry, this.#origin).entry;
    const hasContent = kind !== 'directory' && kind !== 'symlink';
    this.#file = { ...file, size: hasContent ? size : 0 };
    yield { begins: this.#file };
  }

  *#content({ path, offset, chunks }: Extent): Generator<ManifestItem> {
    if (this.#file === undefined || !equalBytes(this.#file.path, path)) {
      yield* this.end();
      const file = this.#fileOf(path);
      yield { begins: file };
      yield* this.#fail(
        file,
        this.#lost ?? this.#complaint(`the content of ${nameOf(file)} has no file that it belongs to`),
      );
    }
    const file = this.#fileOf(path);
    if (file.at !== offset && file.size !== undefined)
      yield* this.#fail(file, this.#lost ?? this.#complaint(`content of ${nameOf(file)} is missing`));
    file.at = offset;
    for (const chunk of chunks) {
      file.at += chunk.plainBytes;
      yield { chunkOf: file, chunk };
    }
  }

  /** The open file if it has that path; otherwise opens one. */
  #fileOf(path: Uint8Array): OpenFile {
    if (this.#file === undefined || !equalBytes(this.#file.path, path))
      this.#file = { path, damaged: false, at: 0, size: undefined };
    return this.#file;
  }

  *#fail(file: OpenFile, error: BackupError): Generator<ManifestItem> {
    if (file.damaged) return;
    file.damaged = true;
    yield { damaged: file, error };
  }

  #complaint(what: string): BackupError {
    return new StoredBytesDamagedError(this.#origin, what);
  }
}

export function nameOf({ path }: FileState): string {
  return JSON.stringify(fromUtf8(path));
}
