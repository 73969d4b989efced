import { SourceEntryError } from '../errors.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { FileSource, OpenedEntry, SourceEntry } from '../ports/file-source.ts';
import type { ByteRange } from '../ports/object-store.ts';
import type { BaseFile, Decision } from './detect-changes.ts';
import { pathAfter } from './shards.ts';

/** Entries that are opened, or whose tags are asked for, side by side. */
const entriesAtOnce = 16;
/** Entries up to this size are read ahead, whole; larger ones are streamed one after the other. Bytes. */
const readAheadBytes = 2 ** 20;
/** How often an entry that changes under our hands is looked at again. */
const changeAttempts = 3;

/** What is known of one path once the source has been asked. */
export type Outcome =
  | { readonly outcome: 'kept'; readonly base: BaseFile; readonly listed: SourceEntry }
  | { readonly outcome: 'retagged'; readonly base: BaseFile; readonly entry: SourceEntry }
  | {
      readonly outcome: 'opened';
      readonly base?: BaseFile;
      readonly listed: SourceEntry;
      readonly open: () => Promise<OpenedEntry>;
    }
  | {
      readonly outcome: 'failed';
      readonly base?: BaseFile;
      readonly listed: SourceEntry;
      readonly error: SourceEntryError;
    }
  | { readonly outcome: 'removed'; readonly base: BaseFile };

/** How entries are read. */
export interface ReadEntriesOptions {
  readonly source: FileSource;
  /** Whether tags of entries that look unchanged are read. */
  readonly readTags: boolean;
  /** The part of an entry's content that this worker reads. */
  readonly rangeOf: (entry: SourceEntry) => ByteRange | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Asks the source what the decisions need, some entries ahead, and answers in the order of the decisions.
 * Memory: {@link entriesAtOnce} times {@link readAheadBytes}.
 */
export function readEntries(
  decisions: AsyncIterable<Decision>,
  options: ReadEntriesOptions,
): AsyncGenerator<Outcome> {
  return mapConcurrent(decisions, entriesAtOnce, async (decision): Promise<Outcome> => {
    switch (decision.action) {
      case 'remove':
        return { outcome: 'removed', base: decision.base };
      case 'keep':
        return checkTags(decision.listed, decision.base, options);
      case 'read':
        return openAhead(decision.listed, decision.base, options);
    }
  });
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
    return { outcome: 'retagged', base, entry: { ...before, tags } };
  } catch (error) {
    if (error instanceof SourceEntryError) return { outcome: 'failed', base, listed, error };
    throw error;
  }
}

async function openAhead(
  listed: SourceEntry,
  base: BaseFile | undefined,
  options: ReadEntriesOptions,
): Promise<Outcome> {
  const known = base === undefined ? {} : { base };
  const range = options.rangeOf(listed);
  if ((range?.length ?? listed.size) > readAheadBytes) {
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
async function collect({ entry, content }: OpenedEntry): Promise<OpenedEntry> {
  const pieces: Uint8Array[] = [];
  // Not `slice`: of a Buffer that is a view, and the source reuses the memory for the next piece.
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return { entry, content: piecesOf(pieces) };
}

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Opens an entry as it is now, if it changed since it was listed; a stretch of a large object only as it was listed. */
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
