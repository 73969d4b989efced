import {
  BackupError,
  concernsOne,
  FileTooLargeError,
  RestorePathError,
  TargetEntryError,
  TargetUnavailableError,
} from '../errors.ts';
import { entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { OverwriteRule, RestoreTarget } from '../ports/restore-target.ts';
import { ChunkFetcher, type FetchedItem, type FetchItem, type FetchPolicy } from './chunk-fetcher.ts';
import { countUses, pointItems, type PointItem } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import { sampleEntries } from './sample-entries.ts';
import { RefusalSparer } from './spare-refused.ts';
import { thenFinish } from './then-finish.ts';
import { TreePlaces } from './tree-places.ts';
import type { UnkeptCount } from './unkept-facts.ts';

/** Files up to this size are taken into memory and written side by side; larger ones are streamed. Bytes. */
const sideBySideBytes = 4 * 2 ** 20;
/** Files that are written side by side. */
const filesAtOnce = 16;
/**
 * Entries of a range that the target may refuse one after the other, before anything else, until it is asked about others
 * of the restore. Fewer: one denied folder costs questions. More: a target that is denied as a whole costs requests.
 */
const refusalsUntilDoubt = 100;
/** Of the restore's entries, about so many at equal distances, and the same of other folders, are then asked about. */
const doubtedEntries = 16;

/** Kept entries that an outcome names. */
const keptNamed = 100;

/** Two lists of kept entries in one, as long as an outcome names them. */
export function joinKept(a: readonly string[], b: readonly string[]): readonly string[] {
  return a.length >= keptNamed || b.length === 0 ? a : [...a, ...b.slice(0, keptNamed - a.length)];
}

/** What restoring a range came to. */
export interface RestoreOutcome {
  /** Entries of the range. */
  readonly files: number;
  /** Content bytes of entries that were written. */
  readonly bytes: number;
  readonly written: number;
  /** Left as the target had them, because the rule says so, though they differ, or cannot be told to be the same. */
  readonly kept: number;
  /** The first {@link keptNamed} of those, as text. */
  readonly keptFiles: readonly string[];
  /** Identical already. */
  readonly same: number;
  /** Entries that could not be restored, and why: damage is limited to the files that it hits. */
  readonly failed: readonly { readonly path: string; readonly name: string; readonly message: string }[];
  /** Entries whose content is older than the point, because the run could not read them. */
  readonly carried: readonly { readonly path: string; readonly from: string }[];
  /** What of the written entries the target could not keep as the point has it. */
  readonly unkept: readonly UnkeptCount[];
  /** The key of the entry that another call has to go on with, when the time was up. */
  readonly next?: Uint8Array;
}

/** How a range is restored. */
export interface RestoreRangeOptions {
  readonly range: KeyRange;
  readonly target: RestoreTarget;
  readonly overwrite: OverwriteRule;
  /**
   * All that the restore restores, where this range is one worker's part of it. @default the range
   */
  readonly selection?: readonly KeyRange[];
  /** The largest file that the caller has time for; larger ones are left out, unread. @default no limit */
  readonly maxFileBytes?: number;
  /**
   * Asked before each entry but the first, with its size; when true, the call ends there and another goes on.
   * @default never
   */
  readonly shouldStop?: (nextBytes: number) => boolean;
  readonly fetch?: FetchPolicy;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Restores the entries of a range of keys. Every chunk is verified before it is written. What is wrong with one entry
 * (damage, a name, a refusal of the target, an object of the vault that may not be read) leaves out that entry; the others are written. Can be repeated after a failure.
 * Memory: the fetcher's windows, and {@link filesAtOnce} small files.
 * @throws {@link TargetUnavailableError} the target vanished, or refuses everything, see {@link refusalsUntilDoubt}.
 * @throws {@link StoredBytesDamagedError} a page of the manifest is damaged.
 */
export async function restoreRange(
  reader: PointReader,
  options: RestoreRangeOptions,
): Promise<RestoreOutcome> {
  return thenFinish(options.target, async () => restoreEntries(reader, options));
}

async function restoreEntries(
  reader: PointReader,
  options: RestoreRangeOptions,
): Promise<Omit<RestoreOutcome, 'unkept'>> {
  const { range, target, maxFileBytes = Infinity, shouldStop = () => false, signal } = options;
  const selection = options.selection ?? [range];
  let places: TreePlaces | undefined;
  const uses = await countUses(reader, range, signal);
  const sparer = new RefusalSparer(reader.readRun);
  const fetcher = new ChunkFetcher(sparer.readRun, uses, options.fetch);
  const writer = new RangeWriter(reader, { ...options, selection });
  const items = withoutLargeContent(pointItems(reader, range, signal), maxFileBytes);
  const stream = fetcher.fetch(items, signal);
  let stoppedAt: Uint8Array | undefined;
  try {
    let next = await stream.next();
    for (let isFirst = true; next.done !== true; isFirst = false) {
      const { tag } = next.value;
      if (!('begins' in tag)) throw new TypeError('a chunk comes before its file');
      const { entry, carriedFrom } = tag.begins;
      if (!isFirst && shouldStop(entry.size > maxFileBytes ? 0 : entry.size)) {
        stoppedAt = entryKey(entry.path);
        break;
      }
      if (carriedFrom !== undefined) writer.noteCarried(entry, carriedFrom);
      const content = new FileContent(stream);
      if (entry.size > maxFileBytes) {
        await writer.leaveOut(entry, new FileTooLargeError(textOf(entry.path), entry.size, maxFileBytes));
        next = await content.skip();
        continue;
      }
      if (target.naming === 'tree') places ??= await TreePlaces.before(reader, entry.path, selection, signal);
      const taker = places?.findTaker(entry);
      if (taker === undefined) await writer.write(entry, content);
      else await writer.leaveOut(entry, placeTaken(entry, taker));
      // What the target did not want, or what follows a damaged chunk, is passed over.
      next = await content.skip();
    }
  } finally {
    // A target that refuses ends the restore; what is being read for it must not go on.
    await stream.return();
    await writer.settle();
  }
  // Of one worker's part it says nothing about the others.
  const isWhole = selection.length === 1 && selection[0] === range;
  if (isWhole && sparer.refusalOfAll !== undefined) throw sparer.refusalOfAll;
  return { ...writer.outcome(), ...(stoppedAt && { next: stoppedAt }) };
}

/** The chunks of one file out of the stream of all; knows the item that comes after them. */
class FileContent implements AsyncIterable<Uint8Array> {
  readonly #stream: AsyncIterator<FetchedItem<PointItem>, void>;
  #after: IteratorResult<FetchedItem<PointItem>, void> | undefined;

  constructor(stream: AsyncIterator<FetchedItem<PointItem>, void>) {
    this.#stream = stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
      if (chunk instanceof BackupError) throw chunk;
      yield chunk;
    }
  }

  /** Passes over what has not been taken. @returns the item after this file. */
  async skip(): Promise<IteratorResult<FetchedItem<PointItem>, void>> {
    while ((await this.#next()) !== undefined);
    return this.#after as IteratorResult<FetchedItem<PointItem>, void>;
  }

  async #next(): Promise<FetchedItem<PointItem>['chunk']> {
    if (this.#after !== undefined) return undefined;
    const item = await this.#stream.next();
    if (item.done !== true && 'chunkOf' in item.value.tag) return item.value.chunk;
    this.#after = item;
    return undefined;
  }
}

type RangeWriterOptions = RestoreRangeOptions & Required<Pick<RestoreRangeOptions, 'selection'>>;

class RangeWriter {
  readonly #reader: PointReader;
  readonly #options: RangeWriterOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #failed: { path: string; name: string; message: string }[] = [];
  readonly #carried: { path: string; from: string }[] = [];
  readonly #keptFiles: string[] = [];
  #counts = { files: 0, bytes: 0, written: 0, kept: 0, same: 0 };
  #failure: { readonly error: unknown } | undefined;
  /** Refusals in a row since the beginning; undefined once the target is known to take something. */
  #refusals: { readonly last: TargetEntryError; readonly count: number } | 'none' | undefined = 'none';

  constructor(reader: PointReader, options: RangeWriterOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  noteCarried(entry: SourceEntry, from: string): void {
    this.#carried.push({ path: textOf(entry.path), from });
  }

  /** Writes an entry; a small one may still be under way when the promise settles, its content is not needed then. */
  async write(entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (entry.size > sideBySideBytes) return this.#write(entry, content);
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of content) pieces.push(piece);
    } catch (error) {
      await this.#note(entry, error);
      return;
    }
    const running = this.#write(entry, streamOf(pieces)).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    if (this.#running.size >= filesAtOnce) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** An entry that is not even tried. */
  async leaveOut(entry: SourceEntry, why: BackupError): Promise<void> {
    await this.#note(entry, why);
  }

  /** Waits for what is still being written. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  outcome(): Omit<RestoreOutcome, 'unkept'> {
    if (this.#failure !== undefined) throw this.#failure.error;
    return { ...this.#counts, keptFiles: this.#keptFiles, failed: this.#failed, carried: this.#carried };
  }

  async #write(entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { target, overwrite, signal, onProgress } = this.#options;
    try {
      const outcome = await target.write(entry, content, overwrite, signal);
      this.#counts.files += 1;
      this.#counts[outcome] += 1;
      if (outcome === 'kept' && this.#keptFiles.length < keptNamed) this.#keptFiles.push(textOf(entry.path));
      this.#refusals = undefined;
      if (outcome === 'written') this.#counts.bytes += entry.size;
    } catch (error) {
      await this.#note(entry, error);
    }
    onProgress?.({ step: 'restore', files: this.#counts.files, bytes: this.#counts.bytes });
  }

  /** What concerns one entry is noted; everything else ends the restore. */
  async #note(entry: SourceEntry, error: unknown): Promise<void> {
    if (!concernsOne(error)) throw error;
    this.#counts.files += 1;
    this.#failed.push({ path: textOf(entry.path), name: error.name, message: error.message });
    if (error instanceof TargetEntryError && this.#refusals !== undefined)
      await this.#countRefusal(entry, error);
  }

  /** Refused one after the other: either all is, and going on costs a request for each, or only what comes first is. */
  async #countRefusal({ path }: SourceEntry, last: TargetEntryError): Promise<void> {
    const before = this.#refusals;
    const count = typeof before === 'object' && before.last.reason === last.reason ? before.count + 1 : 1;
    this.#refusals = { last, count };
    if (count < refusalsUntilDoubt) return;
    this.#refusals = undefined;
    const { selection, target, overwrite, signal } = this.#options;
    const others = await sampleEntries(
      this.#reader,
      selection,
      { most: doubtedEntries, awayFrom: path },
      signal,
    );
    for (const entry of others) if (await target.accepts(entry, overwrite, signal)) return;
    throw new TargetUnavailableError(
      `the target takes nothing: it refused the first ${count} entries one after the other, and ${others.length} more ` +
        `from all over the point; restore what it does take by its paths; the last refusal: ${last.message}`,
      { cause: last },
    );
  }
}

/** Of files that are left out for their size, nothing is read. */
async function* withoutLargeContent(
  items: AsyncIterable<FetchItem<PointItem>>,
  maxFileBytes: number,
): AsyncGenerator<FetchItem<PointItem>> {
  for await (const item of items)
    if (!('chunkOf' in item.tag) || item.tag.chunkOf.entry.size <= maxFileBytes) yield item;
}

/** An earlier entry of the point has the place of this one. */
function placeTaken(entry: SourceEntry, taker: Uint8Array): RestorePathError {
  const why = `${JSON.stringify(textOf(taker))} of the same point has its place; restore it to a bucket, or by its path elsewhere`;
  return new RestorePathError(textOf(entry.path), why);
}

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

function textOf(path: Uint8Array): string {
  return Buffer.from(path).toString('utf8');
}
