import { fromBase64, toBase64 } from '../bytes.ts';
import { UnknownNameError } from '../errors.ts';
import { decodeFileKey, entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { ShardLimits } from '../protect/shards.ts';
import { pathAfter } from '../protect/shards.ts';
import { pointItems } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import { quoteRestore, type RestoreQuote, type RestoreWork } from './quote.ts';
import { selectKeys } from './selection.ts';

/** Above this many entries a whole point is cut by its pages alone, without reading every entry. */
const exactEntriesLimit = 200_000;

/** A part of a restore for one worker: a range of keys, as JSON carries it. */
export interface RestoreShard {
  readonly index: number;
  readonly from?: string;
  readonly to?: string;
}

/** What would be restored, in how many parts, and what it takes. */
export interface RestorePlan {
  readonly shards: readonly RestoreShard[];
  readonly quote: RestoreQuote;
}

/** What to restore, and the size of a unit of work. */
export interface PlanRestoreOptions {
  /** Paths as a person writes them; see `selectKeys`. @default everything */
  readonly paths?: readonly string[];
  readonly limits: ShardLimits;
  /** Workers that will share the work, for the time in the quote. */
  readonly workers: number;
  /** Whether the caller's own process does it, into files of its machine. @default false */
  readonly isLocal?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Cuts a restore into shards and says what it will read and write. Reads pages only: of the selection, or, for a large
 * whole point, the inner ones.
 * @throws {@link UnknownNameError} a path selects nothing in this point.
 */
export async function planRestore(reader: PointReader, options: PlanRestoreOptions): Promise<RestorePlan> {
  const { paths, limits, signal } = options;
  const { root } = reader;
  if (paths === undefined && reader.manifest.entries > exactEntriesLimit) {
    const { files, logicalBytes } = root.counts;
    return {
      shards: await cutByPages(reader, limits, signal),
      quote: quoteRestore({
        files,
        bytes: logicalBytes,
        storedBytes: logicalBytes,
        ...readingOf(reader, options),
      }),
    };
  }
  await checkPaths(reader, paths ?? [], signal);
  const shards: RestoreShard[] = [];
  const total = { files: 0, bytes: 0, storedBytes: 0, largestFileBytes: 0 };
  for (const selected of selectKeys(paths)) {
    let from = selected.from;
    let part = { files: 0, bytes: 0 };
    const before = total.files;
    for await (const { tag, reference } of pointItems(reader, selected, signal)) {
      if ('begins' in tag) {
        const { path, size } = tag.begins.entry;
        if (part.files > 0 && (part.files >= limits.files || part.bytes + size > limits.bytes)) {
          const cut = entryKey(path);
          shards.push(shardOf(shards.length, { ...range('from', from), to: cut }));
          from = cut;
          part = { files: 0, bytes: 0 };
        }
        part = { files: part.files + 1, bytes: part.bytes + size };
        total.files += 1;
        total.bytes += size;
        total.largestFileBytes = Math.max(total.largestFileBytes, size);
      }
      total.storedBytes += reference?.location.length ?? 0;
    }
    if (total.files > before)
      shards.push(shardOf(shards.length, { ...range('from', from), ...range('to', selected.to) }));
  }
  return { shards, quote: quoteRestore({ ...total, ...readingOf(reader, options) }) };
}

/** What a quote has to know besides amounts. A container lies in a class of its own, packs in the standard one. */
function readingOf(
  { root }: PointReader,
  { workers, isLocal }: PlanRestoreOptions,
): Pick<RestoreWork, 'workers' | 'isLocal' | 'storageClass'> {
  return { workers, isLocal, storageClass: root.container?.storageClass };
}

/**
 * Cuts a whole point by its inner pages alone: quickly, into parts that are about as large as the limits say.
 */
export async function cutByPages(
  { root, manifest }: PointReader,
  limits: ShardLimits,
  signal?: AbortSignal,
): Promise<RestoreShard[]> {
  if (manifest.entries === 0) return [];
  const pieces = Math.ceil(
    Math.max(manifest.entries / limits.files, root.counts.logicalBytes / limits.bytes),
  );
  const cuts = (await manifest.splitKeys(pieces, signal)).map((key) =>
    entryKey(pathAfter(decodeFileKey(key, root.point).path)),
  );
  const bounds = [undefined, ...cuts, undefined];
  return bounds.slice(1).map((to, at) => shardOf(at, { ...range('from', bounds[at]), ...range('to', to) }));
}

/** The keys of a shard. */
export function keysOfRestoreShard({ from, to }: RestoreShard): KeyRange {
  return {
    ...(from !== undefined && { from: fromBase64(from) }),
    ...(to !== undefined && { to: fromBase64(to) }),
  };
}

function shardOf(index: number, { from, to }: KeyRange): RestoreShard {
  return { index, ...(from && { from: toBase64(from) }), ...(to && { to: toBase64(to) }) };
}

function range<Name extends 'from' | 'to'>(
  name: Name,
  key: Uint8Array | undefined,
): { [N in Name]?: Uint8Array } {
  return (key === undefined ? {} : { [name]: key }) as { [N in Name]?: Uint8Array };
}

/** Looks at each path by itself: one that is missing may lie inside another, whose range says nothing about it. */
async function checkPaths(
  { manifest, root: { point } }: PointReader,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const path of paths) {
    const [selected] = selectKeys([path]);
    const first = await manifest.range(selected, signal === undefined ? {} : { signal }).next();
    if (first.done !== true) continue;
    throw new UnknownNameError(
      `point ${point} has nothing at ${JSON.stringify(path)}; ` +
        `list it with "holdfast ls ${point}"; a directory's path ends in "/"`,
    );
  }
}
