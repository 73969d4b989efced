import type { UnreadCounts } from '../points/unread-facts.ts';
import { equalBytes, toBase64, fromUtf8 } from '../bytes.ts';
import { SourceEntryError } from '../errors.ts';
import { FactCounts } from '../fact-counts.ts';
import { encodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import type { PackUsage } from '../manifest/pack-usage.ts';
import type { Change } from '../manifest/tree-merge.ts';
import { entryKey, extentKey } from '../manifest/tuple-key.ts';
import { isSettled, type ChunkStore } from '../packs/chunk-store.ts';
import { warningOf } from '../points/unread.ts';
import { NameMarkCounter } from '../signs/name-marks.ts';
import type { OpenedEntry, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { type BaseFile, originOf } from './base-files.ts';
import type { ChunkCopier } from './chunk-copier.ts';
import type { EarlierContent } from './earlier-content.ts';
import { entriesOf, isContentSettled, type ContentWriter, type WrittenContent } from './content-writer.ts';
import type { LeftOutFact } from './left-out.ts';
import type { Outcome } from './read-entries.ts';
import type { LargeObject, ShardResult } from './shard-result.ts';
import { pathAfter, stretchBytes, type Shard } from './shards.ts';

/** Most changes that wait for their chunks; then the pack that is being filled is ended early. */
const waitingLimit = 20_000;

const notCarried = 'this point does not have it: make it readable and run again';

export interface ManifestChangesOptions {
  readonly shard: Shard;
  readonly plan: RunPlan;
  readonly chunks: ChunkStore;
  readonly content: ContentWriter;
  /** Copies the base's content in mostly dead packs; absent when there is none. */
  readonly copier?: ChunkCopier;
  /** Finds content that the source archived since. */
  readonly earlier: EarlierContent;
  /** The entry's present tags, where they are asked for. */
  readonly findTags: (entry: SourceEntry) => Promise<SourceEntry['tags'] | undefined>;
  readonly usage: PackUsage;
  /** Called once, when the source is not needed any more. */
  readonly onSourceRead?: () => void;
  readonly onProgress?: ReportProgress;
}

interface Waiting {
  readonly path: Uint8Array;
  /** Absent in a stretch, whose path's own entry belongs to another shard. */
  readonly file?: FileEntry;
  readonly content: Pick<WrittenContent, 'extents'>;
  /** Entries of content that lies in the vault already, read when their turn comes. @default `content` */
  readonly shared?: (() => AsyncIterable<Entry>) | undefined;
  /** These extents only have new places; everything else of the path stays. */
  readonly copied?: boolean;
}

type Counts = Omit<ShardResult['counts'], 'newBytes' | 'storedBytes'>;

/**
 * Turns the source's answers into changes of the manifest, in the order of keys, and keeps the shard's counts. A change
 * is handed on once the chunks that it refers to lie in the vault for good. Memory: at most {@link waitingLimit}
 * changes.
 */
export class ManifestChanges {
  readonly #options: ManifestChangesOptions;
  readonly #unleased: ReadonlySet<RunPlan['unleasedPacks'][number]>;
  readonly #origin: string;
  readonly #counts = { files: 0, filesChanged: 0, filesRemoved: 0, logicalBytes: 0, readBytes: 0 };
  readonly #entries = { read: 0, carried: 0, missing: 0 };
  readonly #leftOut = new FactCounts<LeftOutFact>();
  readonly #marks = new NameMarkCounter();
  #firstUnread: string | undefined;
  readonly #warnings: ShardResult['warnings'] = [];
  readonly #large: LargeObject[] = [];
  #waiting: (Waiting | Change)[] = [];

  constructor(options: ManifestChangesOptions) {
    this.#options = options;
    this.#unleased = new Set(options.plan.unleasedPacks);
    this.#origin = originOf(options.plan);
  }

  /** Totals of the shard, complete once the changes have been iterated. */
  get counts(): Counts {
    return this.#counts;
  }

  /** Entries that could and could not be read, complete like the totals. Of shared objects the commit decides. */
  get entries(): ShardResult['entries'] {
    return this.#entries;
  }

  /** The source's message about the first entry that could not be read. */
  get firstUnread(): string | undefined {
    return this.#firstUnread;
  }

  /** Facts that the source does not give of the shard's entries. */
  get leftOut(): ShardResult['leftOut'] {
    return [...this.#leftOut.list()];
  }

  /** New names that an attack may have given; `undefined` where there is none. */
  get marks(): ShardResult['marks'] {
    return this.#marks.marks;
  }

  /** Entries that could not be read, or are gone. */
  get warnings(): readonly ShardResult['warnings'][number][] {
    return this.#warnings;
  }

  /** This shard's finding on an object that it shares with other shards. */
  get large(): readonly LargeObject[] {
    const { largeTail } = this.#options.shard;
    if (largeTail === undefined || this.#large.length > 0) return this.#large;
    return [{ path: toBase64(largeTail), state: 'absent', changeToken: '' }];
  }

  /** Yields changes; each may be asked for only after the one before it was used. */
  async *from(outcomes: AsyncIterable<readonly Outcome[]>): AsyncGenerator<Change> {
    for await (const portion of outcomes) {
      for (const outcome of portion) {
        if (outcome.outcome === 'kept' && outcome.copy === undefined) {
          this.#countEntry(outcome.listed);
          this.#countRead(outcome.listed);
          this.#noteLarge(outcome.listed, 'kept');
          continue;
        }
        await this.#take(outcome);
        // A portion may have as many large ones as are asked for at once.
        this.#report();
        yield* this.#settled();
        if (this.#waiting.length >= waitingLimit) {
          await this.#flush();
          yield* this.#settled();
        }
      }
      this.#report();
    }
    this.#options.onSourceRead?.();
    await this.#flush();
    yield* this.#settled();
  }

  async #flush(): Promise<void> {
    await this.#options.chunks.flush();
    await this.#options.copier?.chunks.flush();
  }

  async #take(outcome: Outcome): Promise<void> {
    switch (outcome.outcome) {
      case 'kept':
      case 'retagged':
        return this.#keep(outcome);
      case 'opened':
        return this.#store(outcome);
      case 'removed':
        this.#remove(outcome.base);
        return;
      case 'failed':
        return this.#fail(outcome.listed, outcome.base, outcome.error);
      case 'hidden':
        this.#hide(outcome.base, outcome.obstacle);
        return;
    }
  }

  async #keep(outcome: Extract<Outcome, { outcome: 'kept' | 'retagged' }>): Promise<void> {
    const { base, listed, copy } = outcome;
    const extents = copy && (await this.#options.copier?.store(copy.prepared));
    if (copy !== undefined && extents === undefined) {
      await this.#store({ outcome: 'opened', base, baseLost: true, listed, open: copy.open });
      return;
    }
    const entry = outcome.outcome === 'kept' ? listed : outcome.entry;
    this.#countEntry(entry);
    this.#countRead(entry);
    this.#noteLarge(entry, 'kept');
    if (outcome.outcome === 'retagged') {
      this.#counts.filesChanged += 1;
      this.#waiting.push(changeOf(encodeFileEntry({ entry, mustRead: false })));
    }
    if (extents === undefined) return;
    const offsets = new Set(extents.map(({ offset }) => offset));
    this.#dropReferences(base, ({ offset }) => offsets.has(offset));
    this.#waiting.push({ path: base.path, content: { extents }, copied: true });
  }

  async #store(outcome: Extract<Outcome, { outcome: 'opened' }>): Promise<void> {
    const { listed, base, baseLost } = outcome;
    const { stretch } = this.#options.shard;
    let opened: OpenedEntry;
    let content: WrittenContent;
    try {
      opened = await outcome.open();
      content = await this.#options.content.write(opened, stretch?.offset ?? 0);
      this.#checkLength(opened.entry, content.bytes);
    } catch (error) {
      if (!(error instanceof SourceEntryError)) throw error;
      return this.#fail(listed, base, error, baseLost);
    }
    const { entry } = opened;
    const unchanged = base !== undefined && this.#isAsBefore(base, entry, content);
    if (base !== undefined) this.#dropReferences(base);
    this.#counts.readBytes += content.bytes;
    this.#noteLarge(entry, 'stored');
    if (stretch === undefined) {
      this.#countEntry(entry);
      this.#countRead(entry);
      if (!unchanged) this.#counts.filesChanged += 1;
      if (base === undefined && entry.kind !== 'directory') this.#marks.addNew(entry.path);
      const mustRead = entry.kind !== 'directory' && entry.modifiedMs > this.#options.plan.settledBeforeMs;
      this.#waiting.push({ path: entry.path, file: { entry, mustRead }, content });
    } else {
      this.#waiting.push({ path: entry.path, content });
    }
  }

  /** True if an entry that had to be read again is as the base has it. */
  #isAsBefore(base: BaseFile, entry: SourceEntry, { extents }: WrittenContent): boolean {
    if (base.file === undefined) return false;
    if (!equalBytes(factsOf(base.file.entry), factsOf(entry))) return false;
    const before = [...base.extents()].flatMap(({ chunks }) => chunks.map(({ id }) => id));
    const now = extents.flatMap(({ chunks }) => chunks.map(({ id }) => id));
    return before.length === now.length && before.every((id, at) => id === now[at]);
  }

  /** A source that ends early, or goes on, without saying so would leave a file that no restore can write. */
  #checkLength(entry: SourceEntry, bytes: number): void {
    const { stretch } = this.#options.shard;
    const whole = this.#isTail(entry) ? Math.min(entry.size, this.#tailBytes) : entry.size;
    const expected = stretch?.length ?? whole;
    if (bytes === expected) return;
    const path = fromUtf8(entry.path);
    throw new SourceEntryError('changed', path, `gave ${bytes} bytes where its listing promised ${expected}`);
  }

  #isTail({ path }: Pick<SourceEntry, 'path'>): boolean {
    const { largeTail } = this.#options.shard;
    return largeTail !== undefined && equalBytes(largeTail, path);
  }

  get #tailBytes(): number {
    return this.#options.shard.tailBytes ?? stretchBytes;
  }

  #remove(base: BaseFile): void {
    this.#dropReferences(base);
    this.#counts.filesRemoved += 1;
    this.#marks.addGone(base.path);
    this.#waiting.push({ key: entryKey(base.path), clearTo: this.#endOf(base.path) });
  }

  /**
   * Keeps what the base has of an entry that cannot be read, so that protection is never lost to a passing denial. One
   * that vanished is removed as if the listing had not shown it. One that was archived is taken over from the newest
   * point, which lacks nothing if it had this version.
   */
  async #fail(
    listed: SourceEntry,
    base: BaseFile | undefined,
    error: SourceEntryError,
    baseLost: boolean = false,
  ): Promise<void> {
    if (error.reason === 'archived' && (await this.#takeOver(listed, base, error))) return;
    this.#noteLarge(listed, error.reason === 'vanished' ? 'absent' : 'failed');
    if (error.reason !== 'vanished') this.#firstUnread ??= error.message;
    if (this.#options.shard.stretch !== undefined) {
      this.#warn(listed.path, error, 'its state is decided when the run is committed');
      return;
    }
    if (error.reason === 'vanished') {
      this.#warn(listed.path, error, 'this point does not have it');
      if (base !== undefined) this.#remove(base);
      return;
    }
    if (baseLost || base === undefined || !this.#canCarry(base)) {
      this.#warn(listed.path, error, notCarried, this.#countUnread('missing', listed));
      if (base !== undefined) this.#remove(base);
      return;
    }
    const carried = `this point has it as it was in ${this.#carry(base)}: make it readable and run again`;
    this.#warn(listed.path, error, carried, this.#countUnread('carried', listed));
  }

  /** @returns false when the newest point has nothing of it either, or the base something that is as good. */
  async #takeOver(
    listed: SourceEntry,
    base: BaseFile | undefined,
    error: SourceEntryError,
  ): Promise<boolean> {
    const { shard, earlier, findTags } = this.#options;
    const isShared = shard.stretch !== undefined || (this.#isTail(listed) && listed.size > this.#tailBytes);
    const found = await earlier.find(
      listed,
      shard.stretch ?? (isShared ? { offset: 0, length: this.#tailBytes } : undefined),
    );
    if (found === undefined || (!found.isAsListed && base !== undefined)) return false;
    const { file, isAsListed, from } = found;
    const content =
      'shared' in found.content
        ? { content: { extents: [] }, shared: found.content.shared }
        : { content: { extents: found.content.copied } };
    if (base !== undefined) this.#dropReferences(base);
    this.#noteLarge(listed, 'stored');
    // The warning is for the shard of the entry itself.
    if (shard.stretch !== undefined) {
      this.#waiting.push({ path: listed.path, ...content });
      return true;
    }
    this.#countEntry(file.entry);
    if (!isAsListed) {
      const carriedFrom = file.carriedFrom ?? from;
      this.#waiting.push({
        path: listed.path,
        file: { entry: file.entry, mustRead: true, carriedFrom },
        ...content,
      });
      const old = `this point has it as it was in ${carriedFrom}: make it readable and run again`;
      // A shared object counts too: all its shards take the same version over, so the commit finds nothing to decide.
      this.#entries.carried += 1;
      this.#warn(listed.path, error, old, 'carried');
      return true;
    }
    this.#countRead(file.entry);
    const entry = { ...file.entry, tags: (await findTags(listed).catch(ofEntry)) ?? file.entry.tags };
    this.#waiting.push({ path: listed.path, file: { entry, mustRead: false }, ...content });
    this.#warn(
      listed.path,
      error,
      `this point has the same version out of ${from}, and its bytes were not read anew`,
    );
    return true;
  }

  /**
   * Keeps an entry that the listing could not show as the base has it. The source has reported the obstacle, once for
   * all that is behind it.
   */
  #hide(base: BaseFile, obstacle: SourceEntryError): void {
    this.#firstUnread ??= obstacle.message;
    if (base.file !== undefined) this.#noteLarge(base.file.entry, 'failed');
    if (this.#canCarry(base)) {
      this.#carry(base);
      this.#countUnread('carried', base);
      return;
    }
    this.#warn(base.path, obstacle, notCarried, this.#countUnread('missing', base));
    this.#remove(base);
  }

  #canCarry(base: BaseFile): boolean {
    return base.file !== undefined && !base.usesPacks(this.#unleased);
  }

  /** Keeps an entry as the base has it. @returns the point in which it was read last. */
  #carry({ file }: BaseFile): string | undefined {
    if (file === undefined) return undefined;
    const carriedFrom = file.carriedFrom ?? this.#options.plan.base?.pointId;
    this.#countEntry(file.entry);
    this.#waiting.push(changeOf(encodeFileEntry({ entry: file.entry, mustRead: true, carriedFrom })));
    return carriedFrom;
  }

  #warn(
    path: Uint8Array,
    { reason, message }: SourceEntryError,
    consequence: string,
    unread?: keyof UnreadCounts,
  ): void {
    const told = { reason, message: `${message}; ${consequence}` };
    this.#warnings.push(warningOf(told, fromUtf8(path), unread));
  }

  /** Skips entries without content, which say nothing of whether the source can be read. */
  #countRead({ kind }: SourceEntry): void {
    if (this.#options.shard.stretch === undefined && kind !== 'directory') this.#entries.read += 1;
  }

  /** @returns the warning's `unread`; `undefined` for an object of several shards, of which the commit decides. */
  #countUnread(what: keyof UnreadCounts, entry: Pick<SourceEntry, 'path'>): keyof UnreadCounts | undefined {
    if (this.#isTail(entry)) return undefined;
    this.#entries[what] += 1;
    return what;
  }

  /** Hands on the first changes whose chunks are in the vault. */
  async *#settled(): AsyncGenerator<Change> {
    let done = 0;
    for (const waiting of this.#waiting) {
      if ('key' in waiting) {
        yield waiting;
      } else {
        if (!isContentSettled(waiting.content)) break;
        if (waiting.shared === undefined) yield* this.#changesOf(waiting);
        else yield* this.#sharedChangesOf(waiting, waiting.shared());
      }
      done += 1;
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done);
  }

  *#changesOf({ path, file, content, copied }: Waiting): Generator<Change> {
    const extents = entriesOf(path, content);
    for (const { chunks } of content.extents) {
      for (const chunk of chunks.filter(isSettled)) this.#options.usage.addReference(chunk);
    }
    if (copied === true) {
      yield* extents.map(changeOf);
      return;
    }
    const entries = file === undefined ? extents : [encodeFileEntry(file), ...extents];
    const [first, ...rest] = entries;
    if (first === undefined) return;
    yield { ...changeOf(first), clearTo: this.#endOf(path) };
    for (const entry of rest) yield changeOf(entry);
  }

  async *#sharedChangesOf(
    { path, file }: Pick<Waiting, 'path' | 'file'>,
    entries: AsyncIterable<Entry>,
  ): AsyncGenerator<Change> {
    let clearing: { readonly clearTo?: Uint8Array } = { clearTo: this.#endOf(path) };
    if (file !== undefined) yield { ...changeOf(encodeFileEntry(file)), ...clearing };
    if (file !== undefined) clearing = {};
    for await (const entry of entries) {
      for (const chunk of decodeExtent(entry, this.#origin).chunks) this.#options.usage.addReference(chunk);
      yield { ...changeOf(entry), ...clearing };
      clearing = {};
    }
  }

  #endOf(path: Uint8Array): Uint8Array {
    const { stretch, largeTail } = this.#options.shard;
    if (stretch !== undefined && stretch.offset + stretch.length < stretch.entry.size) {
      return extentKey(path, stretch.offset + stretch.length);
    }
    const sharesContent = largeTail !== undefined && equalBytes(largeTail, path);
    return sharesContent ? extentKey(path, this.#tailBytes) : entryKey(pathAfter(path));
  }

  #dropReferences(base: BaseFile, isDropped: (extent: Extent) => boolean = () => true): void {
    for (const extent of base.extents()) {
      if (!isDropped(extent)) continue;
      for (const chunk of extent.chunks) this.#options.usage.removeReference(chunk);
    }
  }

  #countEntry(entry: SourceEntry): void {
    if (this.#options.shard.stretch !== undefined) return;
    this.#counts.files += 1;
    this.#counts.logicalBytes += entry.size;
    if (entry.leftOut !== undefined) this.#leftOut.add(entry.path, entry.leftOut);
  }

  #noteLarge(entry: SourceEntry, state: LargeObject['state']): void {
    if (this.#options.shard.stretch !== undefined || this.#isTail(entry))
      this.#large.push({ path: toBase64(entry.path), state, changeToken: entry.changeToken });
  }

  #report(): void {
    this.#options.onProgress?.({ step: 'protect', files: this.#counts.files, bytes: this.#counts.readBytes });
  }
}

/** Keeps the tags of before where they cannot be read. */
function ofEntry(error: unknown): undefined {
  if (!(error instanceof SourceEntryError)) throw error;
  return undefined;
}

function changeOf({ key, logical, location }: Entry): Change {
  return { key, value: { logical, location } };
}

/** All facts of an entry as bytes, without a run's own notes. */
function factsOf(entry: SourceEntry): Uint8Array {
  return encodeFileEntry({ entry, mustRead: false }).logical;
}
