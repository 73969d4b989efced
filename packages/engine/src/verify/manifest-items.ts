import { equalBytes, fromUtf8 } from '../bytes.ts';
import { type BackupError, StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import { decodeVolumeEntry } from '../manifest/volume-entry.ts';
import { checkVolumeExtent } from '../manifest/volume-extent.ts';
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
  | { readonly chunkOf: FileState; readonly chunk: ChunkReference; readonly offset: number }
  /** A file that cannot be restored, whatever its chunks are. */
  | { readonly damaged: FileState; readonly error: BackupError }
  | { readonly lost: LostPage };

/** Follows the content of one file or volume. */
interface ContentCheck {
  /**
   * @returns what is wrong with where the content lies.
   * @throws {@link StoredBytesDamagedError} no writer lays it so.
   */
  add(extent: Extent): string | undefined;
  /** @returns what is missing at its end. */
  end(): string | undefined;
}

/** The things that a manifest is a map of. */
interface ItemKind {
  /** Reads an own entry, which what follows it is checked against. */
  open(entry: Entry, origin: string): ContentCheck;
  orphans(name: string): string;
  /** A gap in the content is zeros, and nobody can tell one from a page that is lost. */
  readonly hasGaps: boolean;
}

const file: ItemKind = {
  open(entry, origin) {
    const { path, kind, size: declared } = decodeFileEntry(entry, origin).entry;
    const name = nameOf({ path });
    const size = kind === 'directory' || kind === 'symlink' ? 0 : declared;
    let at = 0;
    return {
      add({ offset, chunks }) {
        const isMissing = at !== offset;
        at = chunks.reduce((sum, { plainBytes }) => sum + plainBytes, offset);
        return isMissing ? `content of ${name} is missing` : undefined;
      },
      end: () => (at === size ? undefined : `it has ${at} of the ${size} bytes of ${name}`),
    };
  },
  orphans: (name) => `the content of ${name} has no file that it belongs to`,
  hasGaps: false,
};

const volume: ItemKind = {
  open(entry, origin) {
    const own = decodeVolumeEntry(entry, origin);
    let at = 0;
    return {
      add(extent) {
        at = checkVolumeExtent(own, extent, at, origin);
        return undefined;
      },
      end: () => undefined,
    };
  },
  orphans: (name) => `the blocks of ${name} have no volume that they belong to`,
  hasGaps: true,
};

const kinds = { file, volume };

/**
 * Lists files, or volumes, and chunks of a manifest in order, and the gaps between them: lost pages, content that a page
 * had, entries that no writer makes. Each file is reported as damaged once at most. A lost page damages the volume that is
 * open then, though it may have been the next one's alone.
 */
export async function* manifestItems(
  walked: AsyncIterable<Walked>,
  origin: string,
  kind: keyof typeof kinds = 'file',
): AsyncGenerator<ManifestItem> {
  const items = new ItemTracker(origin, kinds[kind]);
  for await (const step of walked) {
    if ('lost' in step) {
      yield { lost: step };
      yield* items.lose(step.error);
      continue;
    }
    for (const entry of step.entries) yield* items.take(entry);
  }
  yield* items.end();
}

interface OpenItem extends FileState {
  /** `undefined` when its own entry is lost. */
  readonly content: ContentCheck | undefined;
}

/** Follows the entries of a manifest, and complains of what a restore could not make out. */
class ItemTracker {
  readonly #origin: string;
  readonly #kind: ItemKind;
  #item: OpenItem | undefined;
  /** The page that was lost since the last item began: the reason for a gap. */
  #lost: BackupError | undefined;

  constructor(origin: string, kind: ItemKind) {
    this.#origin = origin;
    this.#kind = kind;
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
      yield* this.#fail(this.#itemOf(path), error);
    }
  }

  /** Told of a page that cannot be read, between two entries. */
  *lose(error: BackupError): Generator<ManifestItem> {
    this.#lost = error;
    if (this.#kind.hasGaps && this.#item !== undefined) yield* this.#fail(this.#item, error);
  }

  *end(): Generator<ManifestItem> {
    const item = this.#item;
    this.#item = undefined;
    const complaint = item?.content?.end();
    if (item !== undefined && complaint !== undefined) yield* this.#complain(item, complaint);
  }

  *#begin(entry: Entry, path: Uint8Array): Generator<ManifestItem> {
    yield* this.end();
    this.#lost = undefined;
    this.#item = { path, damaged: false, content: undefined };
    this.#item = { ...this.#item, content: this.#kind.open(entry, this.#origin) };
    yield { begins: this.#item };
  }

  *#content(extent: Extent): Generator<ManifestItem> {
    const isOpen = this.#item !== undefined && equalBytes(this.#item.path, extent.path);
    if (!isOpen) yield* this.end();
    const item = this.#itemOf(extent.path);
    if (!isOpen) {
      yield { begins: item };
      yield* this.#complain(item, this.#kind.orphans(nameOf(item)));
    }
    let { offset } = extent;
    for (const chunk of extent.chunks) {
      yield { chunkOf: item, chunk, offset };
      offset += chunk.plainBytes;
    }
    const complaint = item.content?.add(extent);
    if (complaint !== undefined) yield* this.#complain(item, complaint);
  }

  /** The open item if it has that path; otherwise opens one. */
  #itemOf(path: Uint8Array): OpenItem {
    if (this.#item === undefined || !equalBytes(this.#item.path, path))
      this.#item = { path, damaged: false, content: undefined };
    return this.#item;
  }

  *#complain(item: FileState, complaint: string): Generator<ManifestItem> {
    yield* this.#fail(item, this.#lost ?? new StoredBytesDamagedError(this.#origin, complaint));
  }

  *#fail(item: FileState, error: BackupError): Generator<ManifestItem> {
    if (item.damaged) return;
    item.damaged = true;
    yield { damaged: item, error };
  }
}

function nameOf({ path }: Pick<FileState, 'path'>): string {
  return JSON.stringify(fromUtf8(path));
}
