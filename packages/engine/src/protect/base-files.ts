import { decodeExtent, extentPacks, type Extent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { PackId } from '../ids.ts';
import type { Entry } from '../manifest/page-codec.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import {
  comparePathToKey,
  decodeFileKey,
  entryKey,
  hasSamePath,
  type KeyRange,
} from '../manifest/tuple-key.ts';
import type { RunPlan } from '../runs/run-plan.ts';

/** The base's entries of one path, within a shard's keys. Decoded late, as most files are never looked at closely. */
export class BaseFile {
  /** All entries of the path in the range, its own and its content's, by key; at least one. */
  readonly entries: readonly [Entry, ...Entry[]];
  readonly #origin: string;
  #file: FileEntry | undefined;

  /** @param origin - the manifest's name in error messages. */
  constructor(entries: readonly [Entry, ...Entry[]], origin: string) {
    this.entries = entries;
    this.#origin = origin;
  }

  get path(): Uint8Array {
    return decodeFileKey(this.entries[0].key, this.#origin).path;
  }

  /** The path's own entry. Absent in a shard of a stretch, whose keys begin behind it. */
  get file(): FileEntry | undefined {
    const [first] = this.entries;
    if (this.#file === undefined && decodeFileKey(first.key, this.#origin).offset === undefined)
      this.#file = decodeFileEntry(first, this.#origin);
    return this.#file;
  }

  *extents(): Generator<Extent> {
    for (const entry of this.#contentEntries()) yield decodeExtent(entry, this.#origin);
  }

  usesPacks(packs: ReadonlySet<PackId>): boolean {
    if (packs.size === 0) return false;
    return this.#contentEntries().some((entry) =>
      extentPacks(entry, this.#origin).some((packId) => packs.has(packId)),
    );
  }

  /** Negative if the path sorts before the other one, 0 if it is the same, positive if it sorts after it. */
  compareTo(path: Uint8Array): number {
    return -comparePathToKey(path, this.entries[0].key);
  }

  #contentEntries(): readonly Entry[] {
    return this.entries.filter(({ key }) => decodeFileKey(key, this.#origin).offset !== undefined);
  }
}

export class BaseFiles {
  readonly #tree: TreeReader;

  constructor(tree: TreeReader) {
    this.#tree = tree;
  }

  in(range: KeyRange, signal?: AbortSignal): AsyncGenerator<readonly BaseFile[]> {
    return groupByPath(this.#tree.portions(range, { signal }), this.#tree.name);
  }

  async findFirst(range: KeyRange, signal?: AbortSignal): Promise<BaseFile | undefined> {
    for await (const [file] of this.in(range, signal)) return file;
    return undefined;
  }

  async findEntry(path: Uint8Array, signal?: AbortSignal): Promise<FileEntry | undefined> {
    const entry = await this.#tree.find(entryKey(path), signal);
    return entry && decodeFileEntry(entry, this.#tree.name);
  }
}

/** A base's name in error messages. */
export function originOf({ base }: Pick<RunPlan, 'base'>): string {
  return base?.pointId ?? 'an empty base';
}

/**
 * Groups the entries of a file manifest by path, page by page. Memory: a page, and the entries of one path within the
 * range that is read, which in a shard is one for every GiB of content.
 * @param pages - entries in the order of keys, in portions of any size.
 */
async function* groupByPath(
  pages: AsyncIterable<readonly Entry[]>,
  origin: string,
): AsyncGenerator<readonly BaseFile[], void, undefined> {
  let open: [Entry, ...Entry[]] | undefined;
  for await (const page of pages) {
    const files: BaseFile[] = [];
    for (const entry of page) {
      if (open !== undefined && hasSamePath(open[0].key, entry.key)) {
        open.push(entry);
      } else {
        if (open !== undefined) files.push(new BaseFile(open, origin));
        open = [entry];
      }
    }
    // The last path of a page may go on in the next one.
    if (files.length > 0) yield files;
  }
  if (open !== undefined) yield [new BaseFile(open, origin)];
}
