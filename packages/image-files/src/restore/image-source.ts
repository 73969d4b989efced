import type { FileNode, NodeKind } from '@holdfast/disk';
import {
  BackupError,
  equalBytes,
  isOfKind,
  type KeyRange,
  mapConcurrent,
  pathRangeOf,
  type PlannedItem,
  type RestoredFile,
  type RestoredFiles,
  type LeftOutFile,
  type RestoreSource,
  type SampleOptions,
  type SourceEntry,
  SourceEntryError,
} from '@holdfast/engine';
import { isAtFault } from '../file-system-errors.ts';
import type { PointImage } from '../point-image.ts';
import { readInStretches } from '../read-in-stretches.ts';
import { bytesOfLatin, latinOf } from '../latin-text.ts';
import { entryOfNode } from './node-entry.ts';
import { getNode, type SelectedPath, selectPaths } from './select-paths.ts';
import { asEntryError, type LatinRange, type OrderedStep, walkInPathOrder } from './walk-in-path-order.ts';

/** Files up to this size are read ahead, several at once. Bytes. */
const wholeBytes = 4 * 2 ** 20;
const filesAtOnce = 8;

/**
 * Files of an image by paths in it, as a restore takes them: directories (with a `/` at the end) with all below them on
 * their file system. Only the blocks that are needed are read.
 * Memory: the cache of the image, {@link filesAtOnce} small files, the stretches of a large one.
 */
export class ImageSource implements RestoreSource {
  readonly #image: PointImage;
  readonly #paths: readonly SelectedPath[];

  /** @throws InvalidInputError a path has an empty, `.` or `..` part. */
  constructor(image: PointImage, paths: readonly string[]) {
    this.#image = image;
    this.#paths = selectPaths(paths);
  }

  async open(range: KeyRange, signal?: AbortSignal): Promise<RestoredFiles> {
    return Promise.resolve(new ImageFiles((latin) => this.#walk(latin, signal), latinRangeOf(range), signal));
  }

  /**
   * Names of a file system are never in each other's way: one that is there twice is not restored. But a link that was
   * asked for has the place of what it leads to, if that was asked for by the same path: `/bin` and `/bin/`.
   */
  async find(path: Uint8Array, signal?: AbortSignal): Promise<SourceEntry | undefined> {
    const asked = this.#paths.find(({ entryPath }) => entryPath === latinOf(path));
    if (asked === undefined || isTree(asked)) return undefined;
    const found = await this.#getNode(asked.asked);
    // As it would be an entry: what cannot be read any more is none, and has no place.
    if (found instanceof BackupError) return undefined;
    try {
      return (await entryOfNode(path, found.node, signal))?.entry;
    } catch (error) {
      asEntryError(asked.entryPath, error);
      return undefined;
    }
  }

  /** Takes entries from the top of the selected trees. */
  async sample(
    _selection: readonly KeyRange[],
    { most }: SampleOptions,
    signal?: AbortSignal,
  ): Promise<readonly SourceEntry[]> {
    const found: SourceEntry[] = [];
    const each = Math.ceil(most / this.#paths.length);
    for (const selected of this.#paths.slice(0, most)) {
      let left = each;
      for await (const { path, node } of this.#walkPath(selected, {}, signal)) {
        const file = node && (await entryOfNode(bytesOfLatin(path), node, signal));
        if (file !== undefined) found.push(file.entry);
        left -= 1;
        if (left === 0) break;
      }
    }
    return found;
  }

  /** What a range has, as a plan counts it. What cannot be read counts, so that a worker comes upon it. */
  async *list(range: KeyRange, signal?: AbortSignal): AsyncGenerator<ListedFile> {
    for await (const { path, node } of this.#walk(latinRangeOf(range), signal)) {
      const size = node?.kind === 'file' ? node.bytes : 0;
      const kind = node?.kind ?? 'unreadable';
      yield { begins: { path: bytesOfLatin(path), size, kind }, storedBytes: size };
    }
  }

  async *#walk(range: LatinRange, signal: AbortSignal | undefined): AsyncGenerator<PlacedStep> {
    for (const selected of this.#paths) yield* this.#walkPath(selected, range, signal);
  }

  async *#walkPath(
    selected: SelectedPath,
    range: LatinRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PlacedStep> {
    const { asked, entryPath } = selected;
    const { from = '', to } = range;
    if (to !== undefined && entryPath >= to) return;
    if (entryPath < from && !(isTree(selected) && from.startsWith(entryPath))) return;
    const found = await this.#getNode(asked);
    if (found instanceof BackupError) {
      yield { path: entryPath, error: found };
      return;
    }
    const { fileSystem, node, part } = found;
    const { place } = part;
    if (!isTree(selected)) {
      yield { path: entryPath, node, place };
      return;
    }
    const tree = { fileSystem, root: node, prefix: entryPath };
    for await (const step of walkInPathOrder(tree, range, signal)) yield { ...step, place };
  }

  /** A path was looked up before: what is wrong with it now concerns what is below it, and no other one. */
  async #getNode(asked: string): Promise<Awaited<ReturnType<typeof getNode>> | SourceEntryError> {
    try {
      return await getNode(this.#image, asked);
    } catch (error) {
      if (!isAtFault(error) && !isOfKind(error, 'unknown')) throw error;
      const why = `cannot be found any more: ${error.message}`;
      return new SourceEntryError('unreadable', asked, why, { cause: error });
    }
  }
}

/** A step, and the place of the file system that it is in, where there is one. */
type PlacedStep = OrderedStep & { readonly place?: string };

function isTree({ entryPath }: SelectedPath): boolean {
  return entryPath === '' || entryPath.endsWith('/');
}

interface ListedFile extends PlannedItem {
  readonly begins: Pick<SourceEntry, 'path' | 'size'> & { readonly kind: NodeKind | 'unreadable' };
}

/** A file that was loaded ahead: `pieces` of a small one, or why it has none. */
interface Loaded {
  readonly file: RestoredFile | LeftOutFile;
  readonly node?: FileNode;
  readonly pieces?: readonly Uint8Array[] | BackupError;
}

class ImageFiles implements RestoredFiles {
  readonly #walk: (range: LatinRange) => AsyncIterable<PlacedStep>;
  readonly #range: LatinRange;
  readonly #signal: AbortSignal | undefined;
  #loaded: AsyncGenerator<Loaded> | undefined;
  #open: (Loaded & { readonly from: number }) | undefined;
  /** Loaded in search of another one. */
  #passedOver: Loaded | undefined;

  constructor(
    walk: (range: LatinRange) => AsyncIterable<PlacedStep>,
    range: LatinRange,
    signal: AbortSignal | undefined,
  ) {
    this.#walk = walk;
    this.#range = range;
    this.#signal = signal;
  }

  async next(): Promise<RestoredFile | LeftOutFile | undefined> {
    const next = this.#passedOver ?? (await this.#load());
    this.#passedOver = undefined;
    this.#open = next && { ...next, from: 0 };
    return next?.file;
  }

  /**
   * A file that could be read before, and cannot now, as its directory is damaged since, fails by its content: so whoever
   * writes it ends what was begun, and the others are restored.
   */
  async open(path: Uint8Array, from: number): Promise<RestoredFile> {
    const found = await this.#load();
    if (found !== undefined && 'entry' in found.file && equalBytes(found.file.entry.path, path)) {
      this.#open = { ...found, from };
      return found.file;
    }
    const isLeftOut = found !== undefined && 'why' in found.file && equalBytes(found.file.path, path);
    if (!isLeftOut) this.#passedOver = found;
    const file = { entry: entryOfLost(path, from) };
    this.#open = { file, from, pieces: whyLost(path, isLeftOut ? found.file : undefined) };
    return file;
  }

  async *content(): AsyncGenerator<Uint8Array> {
    const { node, pieces, file, from = 0 } = this.#open ?? {};
    if (pieces instanceof BackupError) throw pieces;
    if (node === undefined || file === undefined || !('entry' in file) || file.entry.kind !== 'file') return;
    if (pieces !== undefined && from === 0) yield* pieces;
    else yield* this.#stream(file.entry, node, from);
  }

  async close(): Promise<void> {
    await this.#loaded?.return(undefined);
  }

  async #load(): Promise<Loaded | undefined> {
    this.#loaded ??= mapConcurrent(this.#walk(this.#range), filesAtOnce, async (step) => this.#fileOf(step));
    const next = await this.#loaded.next();
    return next.done === true ? undefined : next.value;
  }

  async #fileOf({ path, node, error, place }: PlacedStep): Promise<Loaded> {
    const bytes = bytesOfLatin(path);
    if (node === undefined) return { file: { path: bytes, why: error } };
    try {
      const known = await entryOfNode(bytes, node, this.#signal);
      if (known === undefined) return { file: { path: bytes, why: 'special-files' } };
      const { entry } = known;
      const hasMoreNames = entry.kind === 'file' && node.names > 1;
      // Another file system has nodes of the same numbers.
      const names = hasMoreNames ? { id: `${place} ${node.id}`, count: node.names } : undefined;
      const file = { ...known, lacks: error, names };
      if (entry.kind !== 'file' || entry.size > wholeBytes) return { file, node };
      return { file, node, pieces: await this.#readWhole(path, node) };
    } catch (failure) {
      return { file: { path: bytes, why: asEntryError(path, failure) } };
    }
  }

  async #readWhole(path: string, node: FileNode): Promise<Loaded['pieces']> {
    try {
      return await Array.fromAsync(node.read({}, this.#signal));
    } catch (failure) {
      return asEntryError(path, failure);
    }
  }

  async *#stream({ path, size }: SourceEntry, node: FileNode, from: number): AsyncGenerator<Uint8Array> {
    try {
      yield* readInStretches(node, { from, to: size }, this.#signal);
    } catch (failure) {
      throw asEntryError(latinOf(path), failure);
    }
  }
}

/** Nothing is known of it but what was written before. */
function entryOfLost(path: Uint8Array, from: number): SourceEntry {
  const facts = { modifiedMs: 0, changeToken: '', attributes: {}, userMetadata: {}, tags: {} };
  return { path, kind: 'file', size: from + 1, ...facts };
}

function whyLost(path: Uint8Array, found: RestoredFile | LeftOutFile | undefined): BackupError {
  if (found !== undefined && 'why' in found && found.why instanceof BackupError) return found.why;
  const text = new TextDecoder().decode(path);
  return new SourceEntryError('unreadable', text, 'was begun, and cannot be found any more; restore it anew');
}

function latinRangeOf(range: KeyRange): LatinRange {
  const { from, to } = pathRangeOf(range);
  return { from: from && latinOf(from), to: to && latinOf(to) };
}
