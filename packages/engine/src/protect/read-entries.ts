import { SourceEntryError } from '../errors.ts';
import type { FileSource, OpenedEntry, SourceEntry } from '../ports/file-source.ts';
import type { ByteRange } from '../ports/object-store.ts';
import type { BaseFile } from './base-files.ts';
import type { ChunkCopier, PreparedCopy } from './chunk-copier.ts';
import type { Decision } from './detect-changes.ts';
import { pathAfter } from './shards.ts';

/** Bounds of what a source is asked for before it is needed. A request mostly waits. */
export interface ReadAheadPolicy {
  /** Entries that are opened, or whose tags are asked for, side by side. */
  readonly entries: number;
  /** Entries up to this size are read ahead, whole; larger ones are streamed one after the other. Bytes. */
  readonly entryBytes: number;
  /** Content that is held in memory. Bytes, at least `entryBytes`. */
  readonly bytes: number;
}

/**
 * As many as a client has connections: with 16, and 1 MiB each, a worker used a third of its processor on objects of
 * 64 KiB to some MiB, as `npm run bench:worker` measures it.
 */
const defaultReadAheadPolicy: ReadAheadPolicy = { entries: 64, entryBytes: 8 * 2 ** 20, bytes: 64 * 2 ** 20 };
/** Tries to read an entry that changes meanwhile. */
const changeAttempts = 3;

/** Copied content of a path that stays as it is, and the way to the source if the old bytes are lost. */
interface PendingCopy {
  readonly prepared: PreparedCopy;
  readonly open: () => Promise<OpenedEntry>;
}

/** The source's answer about one path. */
export type Outcome =
  | {
      readonly outcome: 'kept';
      readonly base: BaseFile;
      readonly listed: SourceEntry;
      readonly copy?: PendingCopy;
    }
  | {
      readonly outcome: 'retagged';
      readonly base: BaseFile;
      readonly listed: SourceEntry;
      readonly entry: SourceEntry;
      readonly copy?: PendingCopy;
    }
  | {
      readonly outcome: 'opened';
      readonly base?: BaseFile;
      /** The base's content of it cannot be read any more. */
      readonly baseLost?: boolean;
      readonly listed: SourceEntry;
      readonly open: () => OpenedEntry | Promise<OpenedEntry>;
    }
  | {
      readonly outcome: 'failed';
      readonly base?: BaseFile;
      readonly listed: SourceEntry;
      readonly error: SourceEntryError;
    }
  | {
      /** The listing could not show it: it may be there or not. */
      readonly outcome: 'hidden';
      readonly base: BaseFile;
      readonly obstacle: SourceEntryError;
    }
  | { readonly outcome: 'removed'; readonly base: BaseFile };

export interface ReadEntriesOptions {
  readonly source: FileSource;
  readonly readTags: boolean;
  /** The part of an entry's content that this worker reads; `undefined` for all of it. */
  readonly rangeOf: (entry: SourceEntry) => ByteRange | undefined;
  /** Copies the base's content in mostly dead packs; absent when there is none. */
  readonly copier?: ChunkCopier;
  /** @default {@link defaultReadAheadPolicy} */
  readonly readAhead?: ReadAheadPolicy;
  readonly signal?: AbortSignal;
}

/**
 * Asks the source for what the decisions need, some entries ahead, and answers in the order of the decisions, in
 * portions of the answers known by then.
 * Memory: the bytes of the policy, and a portion of decisions.
 */
export async function* readEntries(
  decisions: AsyncIterable<readonly Decision[]>,
  options: ReadEntriesOptions,
): AsyncGenerator<readonly Outcome[], void, undefined> {
  const { readAhead = defaultReadAheadPolicy } = options;
  const ahead = new OutcomesAhead();
  for await (const portion of decisions) {
    options.signal?.throwIfAborted();
    for (const decision of portion) {
      const bytes = bytesAhead(decision, options.rangeOf, readAhead);
      const room = { asked: readAhead.entries - 1, bytes: readAhead.bytes - bytes };
      if (ahead.isBeyond(room)) yield ahead.take(room);
      ahead.push(ask(decision, options), bytes);
    }
    const known = await ahead.take(ahead.standing);
    if (known.length > 0) yield known;
  }
  yield ahead.take({ asked: 0, bytes: 0 });
}

/** Bytes of an entry that are read before they are needed; 0 of one that is streamed, or not read at all. */
function bytesAhead(
  decision: Decision,
  rangeOf: ReadEntriesOptions['rangeOf'],
  { entryBytes }: ReadAheadPolicy,
): number {
  if (decision.action !== 'read') return 0;
  const bytes = rangeOf(decision.listed)?.length ?? decision.listed.size;
  return bytes <= entryBytes ? bytes : 0;
}

/** Requests to a source whose answers have not been taken yet. */
interface Asked {
  /** Outcomes. */
  readonly asked: number;
  /** The size of their content. */
  readonly bytes: number;
}

/** Outcomes in order, those that are known and those that the source was asked for. */
class OutcomesAhead {
  #queue: { readonly outcome: Outcome | Promise<Outcome>; readonly asked: number; readonly bytes: number }[] =
    [];
  #asked = 0;
  #bytes = 0;

  get standing(): Asked {
    return { asked: this.#asked, bytes: this.#bytes };
  }

  isBeyond(most: Asked): boolean {
    return this.#asked > most.asked || this.#bytes > most.bytes;
  }

  /** @param bytes - content that comes with it, or is there already. */
  push(outcome: Outcome | Promise<Outcome>, bytes: number): void {
    const asked = outcome instanceof Promise || bytes > 0 ? 1 : 0;
    this.#queue.push({ outcome, asked, bytes });
    this.#asked += asked;
    this.#bytes += bytes;
    // A later one may fail before an earlier one is awaited; without this it would be an unhandled rejection.
    if (outcome instanceof Promise) outcome.catch(() => {});
  }

  /** The first outcomes, waiting until no more than `left` is still being asked for. */
  async take(left: Asked): Promise<readonly Outcome[]> {
    const taken: Outcome[] = [];
    for (const { outcome, asked, bytes } of this.#queue) {
      if (outcome instanceof Promise) {
        if (!this.isBeyond(left)) break;
        taken.push(await outcome);
      } else {
        taken.push(outcome);
      }
      this.#asked -= asked;
      this.#bytes -= bytes;
    }
    this.#queue = this.#queue.slice(taken.length);
    return taken;
  }
}

/** Without a promise where the source need not be asked: that is most of what an incremental run sees. */
function ask(decision: Decision, options: ReadEntriesOptions): Outcome | Promise<Outcome> {
  switch (decision.action) {
    case 'remove': {
      const { base } = decision;
      const obstacle = options.source.findObstacle?.(base.path);
      return obstacle === undefined ? { outcome: 'removed', base } : { outcome: 'hidden', base, obstacle };
    }
    case 'keep': {
      const { base, listed } = decision;
      const tagged = options.readTags && options.source.getTags !== undefined;
      return tagged || options.copier?.isNeededFor(base) === true
        ? keepAhead(listed, base, options)
        : { outcome: 'kept', base, listed };
    }
    case 'read':
      return (
        openNow(decision.listed, decision.base, options) ?? openAhead(decision.listed, decision.base, options)
      );
  }
}

async function keepAhead(listed: SourceEntry, base: BaseFile, options: ReadEntriesOptions): Promise<Outcome> {
  return prepareCopy(await checkTags(listed, base, options), options);
}

async function checkTags(
  listed: SourceEntry,
  base: BaseFile,
  { source, readTags, signal }: ReadEntriesOptions,
): Promise<Outcome> {
  if (!readTags || source.getTags === undefined) return { outcome: 'kept', base, listed };
  const before = base.file?.entry;
  if (before === undefined) return { outcome: 'kept', base, listed };
  try {
    const tags = await source.getTags(listed, signal);
    if (sameTexts(before.tags, tags)) return { outcome: 'kept', base, listed };
    return { outcome: 'retagged', base, listed, entry: { ...before, tags } };
  } catch (error) {
    if (error instanceof SourceEntryError) return { outcome: 'failed', base, listed, error };
    throw error;
  }
}

/** Prepares no copy after a failure: if the new point keeps the old content, the commit extends its packs. */
async function prepareCopy(outcome: Outcome, options: ReadEntriesOptions): Promise<Outcome> {
  const { copier } = options;
  const stays = outcome.outcome === 'kept' || outcome.outcome === 'retagged';
  if (!stays || copier?.isNeededFor(outcome.base) !== true) return outcome;
  const prepared = await copier.prepare(outcome.base);
  return { ...outcome, copy: { prepared, open: async () => openSettled(outcome.listed, options) } };
}

/** Opens an entry at once. One that fails is opened again by {@link openAhead}, which knows what follows. */
function openNow(
  listed: SourceEntry,
  base: BaseFile | undefined,
  { source, rangeOf, readAhead = defaultReadAheadPolicy }: ReadEntriesOptions,
): Outcome | undefined {
  if (source.openNow === undefined || listed.size > readAhead.entryBytes || rangeOf(listed) !== undefined)
    return undefined;
  try {
    const opened = source.openNow(listed);
    return opened && { outcome: 'opened', base, listed, open: () => opened };
  } catch (error) {
    if (error instanceof SourceEntryError) return undefined;
    throw error;
  }
}

async function openAhead(
  listed: SourceEntry,
  base: BaseFile | undefined,
  options: ReadEntriesOptions,
): Promise<Outcome> {
  const known = base === undefined ? {} : { base };
  const { readAhead = defaultReadAheadPolicy } = options;
  if ((options.rangeOf(listed)?.length ?? listed.size) > readAhead.entryBytes) {
    return { outcome: 'opened', ...known, listed, open: async () => openSettled(listed, options) };
  }
  try {
    const whole = await openSettled(listed, options, collect);
    return { outcome: 'opened', ...known, listed, open: async () => Promise.resolve(whole) };
  } catch (error) {
    if (error instanceof SourceEntryError) return { outcome: 'failed', ...known, listed, error };
    throw error;
  }
}

/** Takes a small entry's content into memory, so that a change while it is read shows at once. */
async function collect(opened: OpenedEntry): Promise<OpenedEntry> {
  if (opened.whole !== undefined) return opened;
  const { entry, content } = opened;
  const pieces: Uint8Array[] = [];
  // Not `slice`: of a Buffer that is a view, and the source reuses the memory for the next piece.
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return { entry, content: piecesOf(pieces) };
}

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Opens an entry as it is now, if it changed since the listing; a stretch of a large object only as listed. */
async function openSettled(
  listed: SourceEntry,
  { source, rangeOf, signal }: ReadEntriesOptions,
  take: (opened: OpenedEntry) => Promise<OpenedEntry> = async (opened) => Promise.resolve(opened),
): Promise<OpenedEntry> {
  let entry = listed;
  for (let attempt = 1; ; attempt += 1) {
    const range = rangeOf(entry);
    try {
      return await take(await source.open(entry, range, signal));
    } catch (error) {
      const changed = error instanceof SourceEntryError && error.reason === 'changed';
      if (!changed || attempt === changeAttempts || range !== undefined) throw error;
      entry = (await findEntry(source, entry.path, signal)) ?? vanish(error);
    }
  }
}

async function findEntry(
  source: FileSource,
  path: Uint8Array,
  signal?: AbortSignal,
): Promise<SourceEntry | undefined> {
  for await (const entry of source.list({ from: path, to: pathAfter(path) }, signal)) return entry;
  return undefined;
}

function vanish(error: SourceEntryError): never {
  throw new SourceEntryError('vanished', '', `${error.message}, and is gone by now`, { cause: error });
}

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
