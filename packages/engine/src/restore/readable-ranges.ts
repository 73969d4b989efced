import { compareBytes } from '../bytes.ts';
import type { BackupError } from '../errors.ts';
import { decodeFileKey, entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { PageRef } from '../manifest/page-store.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { pathAfter } from '../protect/shards.ts';
import { manifestItems } from '../verify/manifest-items.ts';
import { walkLeaves, type LostPage } from '../verify/walk-leaves.ts';
import type { PointReader } from './point-reader.ts';

/** A stretch of keys with both ends; `to` exclusive. */
interface Stretch {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** A file or a page of a manifest that cannot be had. */
export interface LostStretch extends Stretch {
  /** Absent for a page, whose files nobody knows. */
  readonly path?: Uint8Array;
  /** The page, where it is one. Its entries are files, and stretches of their content. */
  readonly page?: PageRef;
  readonly error: BackupError;
}

export interface ReadableRanges {
  /** Whole files, in order. */
  readonly ranges: readonly KeyRange[];
  /** In the order of keys, more or less. Stretches may overlap. */
  readonly lost: readonly LostStretch[];
}

/**
 * Finds ranges of keys whose files are whole in a damaged manifest, and what is lost between them. The content itself
 * is not read. Costs all pages of the manifest; they are checked as they are read.
 */
export async function findReadable(reader: PointReader, signal?: AbortSignal): Promise<ReadableRanges> {
  const { root, name, pages } = reader;
  const walked = walkLeaves(pages, findPageRef(root.manifest, root.point), signal);
  const lost: LostStretch[] = [];
  for await (const item of manifestItems(walked, name)) {
    if ('lost' in item) lost.push(stretchOfPage(item.lost, name));
    else if ('damaged' in item) {
      const { path } = item.damaged;
      lost.push({ path, from: entryKey(path), to: entryKey(pathAfter(path)), error: item.error });
    }
  }
  return { ranges: without(lost), lost };
}

/** Reaches from behind the last entry before the page to the end of the file that its last entry belongs to. */
function stretchOfPage({ lost, after, error }: LostPage, point: string): LostStretch {
  const from = after === undefined ? new Uint8Array(0) : Buffer.concat([after, Buffer.alloc(1)]);
  const to = entryKey(pathAfter(decodeFileKey(lost.lastKey, point).path));
  return { from, to, page: lost, error };
}

/** All keys outside some stretches. */
function without(lost: readonly Stretch[]): KeyRange[] {
  const ranges: KeyRange[] = [];
  let from: Uint8Array | undefined;
  for (const gap of lost.toSorted((a, b) => compareBytes(a.from, b.from))) {
    if (compareBytes(from ?? new Uint8Array(0), gap.from) < 0) ranges.push({ from, to: gap.from });
    if (from === undefined || compareBytes(from, gap.to) < 0) from = gap.to;
  }
  ranges.push(from === undefined ? {} : { from });
  return ranges;
}

export function intersect(a: KeyRange, b: KeyRange): KeyRange | undefined {
  const from = a.from && b.from ? (compareBytes(a.from, b.from) > 0 ? a.from : b.from) : (a.from ?? b.from);
  const to = a.to && b.to ? (compareBytes(a.to, b.to) < 0 ? a.to : b.to) : (a.to ?? b.to);
  if (from && to && compareBytes(from, to) >= 0) return undefined;
  return { from, to };
}
