import { compareBytes, utf8 } from '../bytes.ts';
import { concernsOne } from '../errors.ts';
import { decodeFileKey, prefixKeys } from '../manifest/tuple-key.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { PlacedObject, TargetBucket } from '../ports/target-bucket.ts';
import type { PointReader } from './point-reader.ts';

/** Markers that are asked for at once: S3 takes 3,500 a second below a prefix. */
const hiddenAtOnce = 32;
/** Objects that stay before any was hidden, until the bucket counts as refusing everything. */
const refusedFromTheStart = 16;
/** Objects that stay, of which the names are kept: a million may have the same reason. */
const mostNamed = 100;

export interface ExtraObjectSearch {
  readonly reader: PointReader;
  readonly bucket: Pick<TargetBucket, 'list'>;
  /** The beginning of every name in the bucket. */
  readonly prefix: string;
  /** Beginnings of the point's paths that are looked at, as {@link distinctPrefixes} gives them. */
  readonly below: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds objects that a bucket has and a point has not, in the order of their names: the bucket's listing and the manifest
 * have the same order, and are read side by side, in the memory of a page of each.
 */
export async function* findExtraObjects(search: ExtraObjectSearch): AsyncGenerator<PlacedObject> {
  const { bucket, prefix, below, signal } = search;
  // No prefix at all would stand for everything.
  if (below.length === 0) return;
  const placed = bucket.list(
    below.map((path) => prefix + path),
    signal,
  );
  yield* missingFrom(placed, listNames(search));
}

/**
 * Objects whose name is not among others.
 * @param placed - ascending by their names' bytes, as is `names`.
 */
export async function* missingFrom(
  placed: AsyncIterable<PlacedObject>,
  names: AsyncIterable<Uint8Array>,
): AsyncGenerator<PlacedObject> {
  const others = names[Symbol.asyncIterator]();
  try {
    let other = await others.next();
    for await (const object of placed) {
      while (other.done !== true && compareBytes(other.value, object.path) < 0) other = await others.next();
      if (other.done === true || compareBytes(other.value, object.path) > 0) yield object;
    }
  } finally {
    await others.return?.();
  }
}

async function* listNames({ reader, prefix, below, signal }: ExtraObjectSearch): AsyncGenerator<Uint8Array> {
  const before = utf8(prefix);
  for (const path of below) {
    for await (const { key } of reader.manifest.range(prefixKeys(utf8(path)), { signal })) {
      const { path: found, offset } = decodeFileKey(key, reader.name);
      if (offset === undefined) yield Buffer.concat([before, found]);
    }
  }
}

/** The end of extra objects. */
export interface HiddenObjects {
  readonly hidden: number;
  readonly bytes: number;
  /** Those that stay, because they changed or are refused. */
  readonly left: number;
  /** The first of them. */
  readonly leftObjects: readonly { readonly path: Uint8Array; readonly reason: string }[];
}

/**
 * Hides objects that were shown as extra, as far as they are what they were then. Until the first one is hidden, one after
 * the other: a bucket that keeps no versions after all is asked once, and one that refuses everything a few times. Can be
 * repeated.
 * @throws {@link TargetUnavailableError} the bucket keeps no versions.
 * @throws {@link TargetEntryError} it refuses all of the first.
 */
export async function hideExtraObjects(
  bucket: TargetBucket,
  extra: AsyncIterable<PlacedObject>,
  { signal, onHidden }: { readonly signal?: AbortSignal; readonly onHidden?: (count: number) => void } = {},
): Promise<HiddenObjects> {
  await bucket.checkKeepsVersions(signal);
  let [hidden, bytes, left] = [0, 0, 0];
  const leftObjects: { path: Uint8Array; reason: string }[] = [];
  const leave = ({ path }: PlacedObject, reason: string): void => {
    left += 1;
    if (leftObjects.length < mostNamed) leftObjects.push({ path, reason });
  };
  const hide = async (object: PlacedObject): Promise<void> => {
    signal?.throwIfAborted();
    try {
      const outcome = await bucket.hide(object, signal);
      if (outcome === 'changed') return leave(object, 'it has changed since it was shown');
      hidden += 1;
      bytes += object.size;
      onHidden?.(hidden);
    } catch (error) {
      if (!concernsOne(error) || (hidden === 0 && left + 1 >= refusedFromTheStart)) throw error;
      leave(object, error.message);
    }
  };
  const carefully = async function* (): AsyncGenerator<PlacedObject> {
    for await (const object of extra)
      if (hidden > 0) yield object;
      else await hide(object);
  };
  await forEachConcurrent(carefully(), hiddenAtOnce, hide);
  return { hidden, bytes, left, leftObjects };
}

/** Sorts beginnings of paths by their bytes, and drops those that lie under another. */
export function distinctPrefixes(prefixes: readonly string[]): readonly string[] {
  const sorted = [...new Set(prefixes)].sort((a, b) => compareBytes(utf8(a), utf8(b)));
  const kept: string[] = [];
  for (const prefix of sorted) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
}

/** Beginnings that both lists cover, distinct and in order. */
export function commonPrefixes(some: readonly string[], others: readonly string[]): readonly string[] {
  return distinctPrefixes(
    some.flatMap((one) =>
      others.flatMap((other) => (one.startsWith(other) ? [one] : other.startsWith(one) ? [other] : [])),
    ),
  );
}
