import type { ChunkingPolicy } from '../chunking/fastcdc.ts';
import { SureCutSearch } from '../chunking/sure-cut.ts';
import { SourceEntryError } from '../errors.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ByteRange } from '../ports/object-store.ts';
import type { BaseFiles } from './base-files.ts';
import { looksUnchanged } from './detect-changes.ts';
import { pathAfter, stretchBytes, type Shard, type ShardDraft } from './shards.ts';

/** Sizes of the parts in which workers share large contents. Bytes. */
export interface SharingPolicy {
  /** Contents, and stretches of them, of which more is left to read are shared. */
  readonly sharedFromBytes: number;
  /** Bounds of the part that a worker keeps; between them it is a quarter of what is left, so that all end together. */
  readonly leastPartBytes: number;
  readonly mostPartBytes: number;
  /** Content that is looked at for a place where a chunk ends. */
  readonly searchedBytes: number;
}

/** A part of 64 MiB takes many times as long as to begin and end a shard, and the search for the place where it ends. */
export const defaultSharingPolicy: SharingPolicy = {
  sharedFromBytes: 128 * 2 ** 20,
  leastPartBytes: 64 * 2 ** 20,
  mostPartBytes: 256 * 2 ** 20,
  searchedBytes: 16 * 2 ** 20,
};

/** Places that are looked at, a part further on each, before a worker keeps all that is left. */
const searches = 4;

export interface ContentSharing {
  readonly policy: SharingPolicy;
  /** The last entry of a range of paths which ends right behind it, if its content may be shared. */
  readonly last?: SourceEntry | undefined;
  /** Called once with what the shard leaves to another worker, if anything, before its content is read. */
  readonly onRest: (rest: ShardDraft | undefined) => void;
}

interface Content {
  readonly entry: SourceEntry;
  readonly offset: number;
  readonly length: number;
}

export interface ShareContentOptions {
  /** Sizes that the workers cut the content by. */
  readonly chunking: ChunkingPolicy;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Leaves the rest of a large content that has to be read to another worker, who shares it in turn. The parts end where
 * chunks end, so the chunks are those of one worker who reads all of it, and where they end depends on the content alone.
 * As with stretches, the commit sees to it that all parts are of one version.
 * @returns the shard, without what it leaves.
 */
export async function shareContent(
  shard: Shard,
  base: BaseFiles,
  source: FileSource,
  { policy, last, onRest }: ContentSharing,
  options: ShareContentOptions,
): Promise<Shard> {
  const content = contentOf(shard, last);
  const isShared = content !== undefined && content.length > policy.sharedFromBytes;
  const partBytes =
    isShared && (await mustRead(shard, content, base, options.signal))
      ? await findPart(source, content, policy, options)
      : undefined;
  if (content === undefined || partBytes === undefined) {
    onRest(undefined);
    return shard;
  }
  const { entry, offset, length } = content;
  const rest = { offset: offset + partBytes, length: length - partBytes, entry, mustRead: true };
  const { path } = entry;
  onRest({ paths: { from: path, to: pathAfter(path) }, stretch: rest, files: 0, bytes: rest.length });
  return shard.stretch === undefined
    ? { ...shard, largeTail: path, tailBytes: partBytes }
    : { ...shard, stretch: { ...shard.stretch, length: partBytes } };
}

function contentOf({ stretch }: Shard, last: SourceEntry | undefined): Content | undefined {
  return stretch ?? (last && { entry: last, offset: 0, length: Math.min(last.size, stretchBytes) });
}

/** A part of a content that looks unchanged would be kept as the base has it, with extents that end elsewhere. */
async function mustRead(
  { stretch }: Shard,
  { entry }: Content,
  base: BaseFiles,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (stretch?.mustRead === true) return true;
  const before = await base.findEntry(entry.path, signal);
  return before === undefined || !looksUnchanged(before, entry);
}

/** @returns how long a part is that ends with a chunk; `undefined` if no such place is found. */
async function findPart(
  source: FileSource,
  { entry, offset, length }: Content,
  { leastPartBytes, mostPartBytes, searchedBytes }: SharingPolicy,
  options: ShareContentOptions,
): Promise<number | undefined> {
  const wanted = Math.min(Math.max(Math.floor(length / 4), leastPartBytes), mostPartBytes);
  for (let search = 1; search <= searches; search += 1) {
    const from = search * wanted;
    if (from + searchedBytes >= length) return undefined;
    const found = await findCut(source, entry, { offset: offset + from, length: searchedBytes }, options);
    if (found !== undefined) return from + found;
  }
  return undefined;
}

async function findCut(
  source: FileSource,
  entry: SourceEntry,
  searched: ByteRange,
  { chunking, signal }: ShareContentOptions,
): Promise<number | undefined> {
  const search = new SureCutSearch(chunking);
  try {
    const opened = await source.open(entry, searched, signal);
    if (opened.entry.changeToken !== entry.changeToken) return undefined;
    for await (const piece of opened.content) {
      const found = search.push(piece);
      if (found !== undefined) return found;
    }
    return undefined;
  } catch (error) {
    // Whoever reads the content finds out what became of it.
    if (error instanceof SourceEntryError) return undefined;
    throw error;
  }
}
