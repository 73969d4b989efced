import { fromUtf8 } from '../bytes.ts';
import { errorRecordOf } from '../model/error-record.ts';
import type { ShardOutcome } from '../model/machines/restore-report.ts';
import type { OverwriteRule } from '../model/machines/restore-request.ts';
import { concernsOne, RestorePathError, TargetEntryError, TargetUnavailableError } from '../errors.ts';
import { decodeFileKey, entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import {
  type BegunWrite,
  longestStretchBytes,
  type RestoredContent,
  type RestoreTarget,
  type WriteOutcome,
} from '../ports/restore-target.ts';
import type { FetchPolicy } from './chunk-fetcher.ts';
import type { PointReader } from './point-reader.ts';
import { PointSource } from './point-source.ts';
import { keptNamed } from './restore-outcome.ts';
import type { LeftOutFile, ReadContent, RestoredFile, RestoreSource, WholeFile } from './restore-source.ts';
import { thenFinish } from './then-finish.ts';
import { TreePlaces } from './tree-places.ts';
import { UnkeptFacts } from './unkept-facts.ts';

/** Files up to this size are taken into memory and written side by side; larger ones are streamed. Bytes. */
const sideBySideBytes = 4 * 2 ** 20;
const filesAtOnce = 16;
/** Files with several names that are followed at a time; names of others become files of their own. Some 300 MB. */
const filesFollowed = 2 ** 20;
/**
 * Entries of a range that the target may refuse in a row, before it took anything, until it is asked about others of
 * the restore. Fewer: one denied folder costs questions. More: a target that is denied as a whole costs requests.
 */
const refusalsUntilDoubt = 100;
/** Entries then asked about: about so many of the restore's at equal distances, and the same of other folders. */
const doubtedEntries = 16;

export interface RestoreOutcome extends ShardOutcome {
  /** Key of the entry that another call has to go on with, when the time was up. */
  readonly next?: Uint8Array;
  /** Progress of that entry, when it was begun. */
  readonly begun?: BegunWrite;
}

export interface RestoreEntriesOptions {
  readonly range: KeyRange;
  readonly target: RestoreTarget;
  readonly overwrite: OverwriteRule;
  /** All that the restore restores, where this range is one worker's part of it. @default the range */
  readonly selection?: readonly KeyRange[];
  /** An earlier call's progress with the entry that the range begins with. @default not begun */
  readonly begun?: BegunWrite | undefined;
  /**
   * Asked before each entry and each stretch of one, except the first of a call, with its size, which is never more
   * than {@link longestStretchBytes}. When true, the call ends there and another goes on.
   * @default never
   */
  readonly shouldStop?: (nextBytes: number) => boolean;
  /** Told the restore's state whenever a repetition has to know it: it goes on from the last one. */
  readonly remember?: (soFar: RestoreOutcome) => Promise<void>;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface RestoreRangeOptions extends RestoreEntriesOptions {
  readonly fetch?: FetchPolicy;
}

/**
 * Restores a range of a point's manifest, as {@link restoreEntries} does.
 * @throws {@link StoredBytesDamagedError} a page of the manifest is damaged.
 */
export async function restoreRange(
  reader: PointReader,
  { fetch, ...options }: RestoreRangeOptions,
): Promise<RestoreOutcome> {
  return restoreEntries(new PointSource(reader, fetch), options);
}

/**
 * Restores the entries of a range of keys. Every byte is verified before it is written. A problem of one entry
 * (damage, a name, a refusal of the target, an object of the vault that may not be read) leaves out that entry; the
 * others are written. Can be repeated after a failure.
 * Memory: the source's, and {@link filesAtOnce} small files.
 * @throws {@link TargetUnavailableError} the target vanished, or refuses everything, see {@link refusalsUntilDoubt}.
 */
export async function restoreEntries(
  source: RestoreSource,
  options: RestoreEntriesOptions,
): Promise<RestoreOutcome> {
  return thenFinish(options.target, async () => restoreFrom(source, options));
}

async function restoreFrom(source: RestoreSource, options: RestoreEntriesOptions): Promise<RestoreOutcome> {
  const { range, target, shouldStop = () => false, signal } = options;
  const selection = options.selection ?? [range];
  let places: TreePlaces | undefined;
  const files = await source.open(range, signal);
  const writer = new RangeWriter(source, { ...options, selection });
  let { begun } = options;
  let next: Uint8Array | undefined;
  try {
    let whole: WholeFile | undefined;
    let file = begun === undefined ? await files.next() : await files.open(pathOf(range), begun.bytes);
    for (let isFirst = true; file !== undefined; isFirst = false) {
      const size = 'entry' in file ? Math.min(file.entry.size, longestStretchBytes) : 0;
      if (!isFirst && shouldStop(size)) {
        next = entryKey('entry' in file ? file.entry.path : file.path);
        break;
      }
      if ('entry' in file) {
        const { entry } = file;
        if (begun === undefined) writer.noteFile(file);
        if (target.naming === 'tree')
          places ??= await TreePlaces.before(source, entry.path, selection, signal);
        const taker = places?.findTaker(entry);
        const writing =
          taker !== undefined
            ? writer.leaveOut({ path: entry.path, why: placeTaken(entry, taker) })
            : whole !== undefined
              ? writer.writeWhole(whole)
              : writer.write(file, files.content(), begun);
        begun = writing && (await writing);
        if (begun !== undefined) {
          next = entryKey(entry.path);
          break;
        }
      } else {
        await writer.leaveOut(file);
      }
      whole = files.nextWhole?.(sideBySideBytes);
      file = whole?.file ?? (await files.next());
    }
  } finally {
    // A target that refuses ends the restore; what is being read for it must not go on.
    await files.close();
    await writer.settle();
  }
  // One worker's part says nothing about the others.
  const isWhole = selection.length === 1 && selection[0] === range;
  if (isWhole && files.refusalOfAll !== undefined) throw files.refusalOfAll;
  return { ...writer.outcome(), next, begun };
}

function pathOf({ from }: KeyRange): Uint8Array {
  if (from === undefined) throw new TypeError('a restore that goes on within an entry begins with it');
  return decodeFileKey(from, 'the range').path;
}

type RangeWriterOptions = RestoreEntriesOptions & Required<Pick<RestoreEntriesOptions, 'selection'>>;

class RangeWriter {
  readonly #source: RestoreSource;
  readonly #options: RangeWriterOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #failed: { path: string; name: string; message: string }[] = [];
  readonly #carried: { path: string; from: string }[] = [];
  readonly #keptFiles: string[] = [];
  readonly #unkept = new UnkeptFacts();
  /** Files with names that are still to come: where one is, and how many are left. */
  readonly #linkable = new Map<string, { path?: Uint8Array; left: number }>();
  #counts = { files: 0, bytes: 0, written: 0, kept: 0, same: 0 };
  /** Content bytes that this call is done with, whatever became of them. */
  #doneBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Questions about entries elsewhere, as all were refused so far: nothing is begun meanwhile. */
  #doubt: Promise<void> | undefined;
  /** Refusals in a row since the beginning; undefined once the target is known to take something. */
  #refusals: { readonly last: TargetEntryError; readonly count: number } | 'none' | undefined = 'none';

  constructor(source: RestoreSource, options: RangeWriterOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Notes what of a file is not as the point's own moment had it, whatever becomes of it. */
  noteFile({ entry, carriedFrom, unkept = [], lacks, names }: RestoredFile): void {
    if (lacks !== undefined) this.#countFailure(entry.path, lacks);
    if (names !== undefined && this.#options.target.linksNames !== true)
      this.#unkept.add(entry.path, ['hard-links']);
    if (carriedFrom !== undefined) this.#carried.push({ path: fromUtf8(entry.path), from: carriedFrom });
    this.#unkept.add(entry.path, unkept);
  }

  /**
   * Writes an entry. A small one may still be under way when the promise settles; its content is not needed then.
   * @returns the progress of a large one, when it was stopped.
   */
  async write(
    file: RestoredFile,
    content: ReadContent,
    from: BegunWrite | undefined,
  ): Promise<BegunWrite | undefined> {
    const { entry } = file;
    if (entry.size > sideBySideBytes || from !== undefined) {
      await this.#settleNames(file);
      return this.#write(file, released(content), from);
    }
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of content) pieces.push(piece);
    } catch (error) {
      await this.#note(entry.path, error);
      return undefined;
    }
    return this.#start({ file, pieces, release: () => content.release?.() });
  }

  /**
   * Writes an entry that is in memory: at once, if the target can; else it may still be under way when the promise
   * settles.
   */
  writeWhole(whole: WholeFile): Promise<undefined> | undefined {
    const { file, pieces } = whole;
    const { entry, names } = file;
    const { target, overwrite, signal } = this.#options;
    if (names !== undefined || target.writeAtOnce === undefined || this.#doubt !== undefined)
      return this.#start(whole);
    try {
      signal?.throwIfAborted();
      const outcome = target.writeAtOnce(entry, pieces, overwrite);
      if (outcome === undefined) return this.#start(whole);
      this.#count(file, outcome);
    } catch (error) {
      return this.#note(entry.path, error).then(() => this.#endWhole(whole));
    }
    return this.#endWhole(whole);
  }

  #endWhole({ file, release }: WholeFile): undefined {
    release();
    this.#countDone(file.entry.size);
  }

  /** Another name of a file has to be in its place. */
  async #settleNames({ names }: RestoredFile): Promise<void> {
    if (names !== undefined && this.#linkable.has(names.id)) await this.settle();
  }

  /** Begins to write an entry that is in memory, beside {@link filesAtOnce} others at most. */
  async #start({ file, pieces, release }: WholeFile): Promise<undefined> {
    await this.#settleNames(file);
    await this.#doubt;
    const running = this.#write(file, pieces).then(release, (error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    if (this.#running.size >= filesAtOnce) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Notes an entry that is not even tried. */
  async leaveOut({ path, why }: LeftOutFile): Promise<undefined> {
    if (typeof why === 'string') this.#unkept.add(path, [why]);
    else await this.#note(path, why);
    return undefined;
  }

  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  outcome(): RestoreOutcome {
    if (this.#failure !== undefined) throw this.#failure.error;
    return {
      ...this.#counts,
      keptFiles: this.#keptFiles,
      failed: this.#failed,
      carried: this.#carried,
      unkept: this.#unkept.list(),
    };
  }

  async #write(
    file: RestoredFile,
    content: RestoredContent,
    from?: BegunWrite,
  ): Promise<BegunWrite | undefined> {
    const { entry } = file;
    const { target, overwrite, signal, onProgress, shouldStop } = this.#options;
    const isLarge = entry.size > sideBySideBytes || from !== undefined;
    const remember = async (begun: BegunWrite): Promise<void> => this.#remember(entry, begun);
    const handingOn = isLarge ? { from, shouldStop, ...(this.#options.remember && { remember }) } : {};
    try {
      const sameAs = this.#findOtherName(file);
      const read = isLarge && onProgress !== undefined ? this.#noteRead(content, onProgress) : content;
      const outcome = await target.write(entry, read, overwrite, { ...handingOn, sameAs, signal });
      if (typeof outcome !== 'string') {
        this.#doneBytes += outcome.bytes - (from?.bytes ?? 0);
        return outcome;
      }
      this.#count(file, outcome);
    } catch (error) {
      await this.#note(entry.path, error);
    }
    this.#countDone(entry.size - (from?.bytes ?? 0));
    return undefined;
  }

  #count(file: RestoredFile, outcome: WriteOutcome): void {
    const { path, size } = file.entry;
    if (outcome !== 'kept') this.#notePlace(file);
    this.#counts.files += 1;
    this.#counts[outcome] += 1;
    if (outcome === 'kept' && this.#keptFiles.length < keptNamed) this.#keptFiles.push(fromUtf8(path));
    this.#refusals = undefined;
    if (outcome === 'written') this.#counts.bytes += size;
  }

  #countDone(bytes: number): void {
    this.#doneBytes += bytes;
    this.#options.onProgress?.({ step: 'restore', files: this.#counts.files, bytes: this.#doneBytes });
  }

  /** Content of one entry that is written alone, noted as it is read; a target may read it again. */
  #noteRead(content: RestoredContent, onProgress: ReportProgress): AsyncIterable<Uint8Array> {
    const done = () => ({ files: this.#counts.files, bytes: this.#doneBytes });
    return {
      async *[Symbol.asyncIterator]() {
        let readBytes = 0;
        for await (const piece of content) {
          yield piece;
          const { files, bytes } = done();
          onProgress({ step: 'restore', files, bytes: bytes + (readBytes += piece.length) });
        }
      },
    };
  }

  /** The path at which another name of the file is; where it is not known, this one becomes a file of its own. */
  #findOtherName({ entry, names }: RestoredFile): Uint8Array | undefined {
    if (names === undefined || this.#options.target.linksNames !== true) return undefined;
    const known = this.#linkable.get(names.id);
    if (known === undefined) {
      if (this.#linkable.size < filesFollowed) this.#linkable.set(names.id, { left: names.count - 1 });
      else this.#unkept.add(entry.path, ['hard-links']);
      return undefined;
    }
    known.left -= 1;
    if (known.left <= 0) this.#linkable.delete(names.id);
    if (known.path === undefined) this.#unkept.add(entry.path, ['hard-links']);
    return known.path;
  }

  #notePlace({ entry, names }: RestoredFile): void {
    const known = names && this.#linkable.get(names.id);
    if (known !== undefined) known.path ??= entry.path;
  }

  /** Settles and counts all entries before this one first. */
  async #remember({ path }: SourceEntry, begun: BegunWrite): Promise<void> {
    const { target, remember } = this.#options;
    await this.settle();
    this.#unkept.addAll(await target.finish());
    await remember?.({ ...this.outcome(), next: entryKey(path), begun });
  }

  /** Notes what concerns one entry; everything else ends the restore. */
  async #note(path: Uint8Array, error: unknown): Promise<void> {
    this.#countFailure(path, error);
    if (error instanceof TargetEntryError && this.#refusals !== undefined)
      await this.#countRefusal(path, error);
  }

  #countFailure(path: Uint8Array, error: unknown): void {
    if (!concernsOne(error)) throw error;
    this.#counts.files += 1;
    this.#failed.push({ path: fromUtf8(path), ...errorRecordOf(error) });
  }

  /** Counts refusals in a row: all may be refused, and going on costs a request for each, or only the first ones. */
  async #countRefusal(path: Uint8Array, last: TargetEntryError): Promise<void> {
    const before = this.#refusals;
    const count = typeof before === 'object' && before.last.reason === last.reason ? before.count + 1 : 1;
    this.#refusals = { last, count };
    if (count < refusalsUntilDoubt) return;
    this.#refusals = undefined;
    this.#doubt = this.#askAboutOthers(path, last, count);
    await this.#doubt;
    this.#doubt = undefined;
  }

  /** @throws {@link TargetUnavailableError} the target takes none of them. */
  async #askAboutOthers(path: Uint8Array, last: TargetEntryError, count: number): Promise<void> {
    const { selection, target, overwrite, signal } = this.#options;
    const sampling = { most: doubtedEntries, awayFrom: path };
    const others = await this.#source.sample(selection, sampling, signal);
    for (const entry of others) if (await target.accepts(entry, overwrite, signal)) return;
    throw new TargetUnavailableError(
      `the target takes nothing: it refused the first ${count} entries one after the other, and ${others.length} more ` +
        `from all over the point; restore what it does take by its paths; the last refusal: ${last.message}`,
      { cause: last },
    );
  }
}

/** A content of which a piece is given back when the next one is asked for. */
function released(content: ReadContent): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const piece of content) {
        yield piece;
        content.release?.();
      }
    },
  };
}

/** An earlier entry of the point has the place of this one. */
function placeTaken(entry: SourceEntry, taker: Uint8Array): RestorePathError {
  const why = `${JSON.stringify(fromUtf8(taker))} of the same point has its place; restore it to a bucket, or by its path elsewhere`;
  return new RestorePathError(fromUtf8(entry.path), why);
}
