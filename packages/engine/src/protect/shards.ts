import { fromBase64, rangeFromBase64, toBase64 } from '../bytes.ts';
import { extentBoundaryBytes } from '../manifest/extent.ts';
import { entryKey, extentKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { PathRange, SourceEntry } from '../ports/file-source.ts';

/** Objects are cut at every multiple of this, so that several workers can read one object (docs/format.md, section 3). */
export const stretchBytes = extentBoundaryBytes;

export interface ShardLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Large enough that a worker's start costs nothing, small enough for a worker's 15 minutes. */
export const defaultShardLimits: ShardLimits = { files: 10_000, bytes: stretchBytes };

/** One stretch of a large object, as it was listed. */
interface Stretch {
  readonly offset: number;
  readonly length: number;
  readonly entry: SourceEntry;
  /** Whoever read the part before it shares its content: the base's, which ends elsewhere, does not follow. @default false */
  readonly mustRead?: boolean | undefined;
}

/**
 * A worker's part of a source: a range of paths, or one stretch of one large object.
 * The ranges of a run's shards, in the order of their keys, cover all paths without gap or overlap; indexes are in that order
 * unless whoever cut them says otherwise.
 */
export interface Shard {
  readonly index: number;
  readonly paths: PathRange;
  /** Absent for a range of paths. */
  readonly stretch?: Stretch;
  /** The last path of the range, when its content beyond the first stretch belongs to the shards that follow. */
  readonly largeTail?: Uint8Array;
  /** Bytes of that path's content that belong to this shard. @default the first stretch */
  readonly tailBytes?: number | undefined;
}

/** A shard whose index is not known yet. */
export type ShardDraft = Omit<Shard, 'index'> & { readonly files: number; readonly bytes: number };

export function pathAfter(path: Uint8Array): Uint8Array {
  const next = new Uint8Array(path.length + 1);
  next.set(path);
  return next;
}

/** The stretches of a large object beyond its first, which belongs to the shard that its path ends. */
export function stretchesOf(entry: SourceEntry): ShardDraft[] {
  const paths = { from: entry.path, to: pathAfter(entry.path) };
  const stretches: ShardDraft[] = [];
  for (let offset = stretchBytes; offset < entry.size; offset += stretchBytes) {
    const length = Math.min(stretchBytes, entry.size - offset);
    stretches.push({ paths, stretch: { offset, length, entry }, files: 0, bytes: length });
  }
  return stretches;
}

/** The manifest's keys that a shard is responsible for: from inclusive, to exclusive. */
export function keysOf({ paths, stretch, largeTail, tailBytes = stretchBytes }: Shard): KeyRange {
  if (stretch !== undefined) {
    const end = stretch.offset + stretch.length;
    const { path, size } = stretch.entry;
    return {
      from: extentKey(path, stretch.offset),
      to: end < size ? extentKey(path, end) : entryKey(pathAfter(path)),
    };
  }
  const to = largeTail === undefined ? paths.to && entryKey(paths.to) : extentKey(largeTail, tailBytes);
  return { from: paths.from && entryKey(paths.from), to };
}

/** Joins small neighbouring ranges, and numbers what remains. */
export function numberShards(drafts: readonly ShardDraft[], limits: ShardLimits): Shard[] {
  const joined: ShardDraft[] = [];
  for (const draft of drafts) {
    const last = joined.at(-1);
    const together =
      last !== undefined &&
      last.stretch === undefined &&
      last.largeTail === undefined &&
      draft.stretch === undefined &&
      last.files + draft.files <= limits.files &&
      last.bytes + draft.bytes <= limits.bytes;
    if (together) {
      joined[joined.length - 1] = {
        files: last.files + draft.files,
        bytes: last.bytes + draft.bytes,
        paths: {
          from: last.paths.from,
          to: draft.paths.to,
        },
        largeTail: draft.largeTail,
      };
    } else {
      joined.push(draft);
    }
  }
  return joined.map(({ paths, stretch, largeTail }, index) => ({
    index,
    paths,
    stretch,
    largeTail,
  }));
}

/**
 * Puts items into an order in which those that are worked off at the same time, however many, lie far apart. A bucket
 * serves a limited number of requests a second for keys that are neighbours.
 */
export function inSpreadOrder<Item>(items: readonly Item[]): readonly Item[] {
  const count = items.length;
  // Steps of the golden ratio leave no large gap; a step without common divisor comes by every item once.
  let step = Math.max(1, Math.round(count * 0.618_034));
  while (commonDivisor(step, count) > 1) step += 1;
  return items.map((_, at) => items[(at * step) % count] as Item);
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** A shard in the JSON of a state machine: bytes as base64. */
export interface ShardJson {
  readonly index: number;
  readonly from?: string;
  readonly to?: string;
  readonly largeTail?: string;
  readonly tailBytes?: number | undefined;
  readonly stretch?: {
    readonly offset: number;
    readonly length: number;
    readonly mustRead?: boolean | undefined;
    readonly path: string;
    readonly entry: Omit<SourceEntry, 'path'>;
  };
}

export function shardToJson({ index, paths, stretch, largeTail, tailBytes }: Shard): ShardJson {
  return {
    index,
    from: paths.from && toBase64(paths.from),
    to: paths.to && toBase64(paths.to),
    largeTail: largeTail && toBase64(largeTail),
    tailBytes,
    stretch: stretch && stretchToJson(stretch),
  };
}

export function shardFromJson({ index, from, to, stretch, largeTail, tailBytes }: ShardJson): Shard {
  return {
    index,
    paths: rangeFromBase64({ from, to }),
    largeTail: largeTail === undefined ? undefined : fromBase64(largeTail),
    tailBytes,
    stretch: stretch && {
      offset: stretch.offset,
      length: stretch.length,
      mustRead: stretch.mustRead,
      entry: { ...stretch.entry, path: fromBase64(stretch.path) },
    },
  };
}

function stretchToJson({
  offset,
  length,
  mustRead,
  entry: { path, ...entry },
}: Stretch): NonNullable<ShardJson['stretch']> {
  return { offset, length, mustRead, path: toBase64(path), entry };
}
