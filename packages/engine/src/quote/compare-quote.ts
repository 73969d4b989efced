import type { PointId } from '../ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { RecordedQuote } from '../ports/catalog/resources.ts';
import { isImageKind } from '../model/resource-kind.ts';
import { dayMs } from '../model/time.ts';

/** A point may have an earlier time than the quote before it: the store's clock is another, and S3's knows whole seconds only. */
const clockDifferenceMs = 60_000;

/** A quote next to what happened. */
export interface QuoteDrift {
  /** The first point that was made after the quote and had no base; absent until there is one. */
  readonly first?: {
    readonly pointId: PointId;
    readonly quotedBytes: number;
    readonly storedBytes: number;
    /** Bytes stored above the quote, for each quoted byte; negative where fewer were stored. */
    readonly share: number;
    /** It lies between the ends of the quote. */
    readonly isWithin: boolean;
  };
  /** Change as the newest point that has a base saw it; absent until there is one. */
  readonly changedPerDay?: { readonly quoted: number; readonly seen: number; readonly pointId: PointId };
}

/**
 * Compares a resource's quote with its points. Degraded points count, and store less than was quoted.
 * @param points - of the resource, in any order
 */
export function compareQuote(quote: RecordedQuote, points: readonly PointRow[]): QuoteDrift {
  const after = points
    .filter(({ committedAt }) => committedAt.getTime() >= Date.parse(quote.quotedAt) - clockDifferenceMs)
    .toSorted((a, b) => a.committedAt.getTime() - b.committedAt.getTime());
  const first = after.find(({ type, basePointId }) => type === 'full' && basePointId === undefined);
  const changed = after.findLast(
    ({ basePointId, type }) => basePointId !== undefined && type === 'incremental',
  );
  const base = points.find(({ pointId }) => pointId === changed?.basePointId);
  return {
    first: first && compareFirst(quote, first),
    changedPerDay: changed &&
      base && {
        quoted: quote.changedPerDay,
        seen: changePerDay(changed, base, contentOf(changed, quote, first)),
        pointId: changed.pointId,
      },
  };
}

function compareFirst(
  { storedBytes: quoted }: RecordedQuote,
  { pointId, counts: { storedBytes } }: PointRow,
): NonNullable<QuoteDrift['first']> {
  return {
    pointId,
    quotedBytes: quoted.value,
    storedBytes,
    share: quoted.value === 0 ? 0 : storedBytes / quoted.value - 1,
    isWithin: storedBytes >= quoted.low && storedBytes <= quoted.high,
  };
}

/** Bytes that could change. Of an image these are the blocks in use, and not the size of its volumes, which its points count. */
function contentOf(
  { resourceKind, counts }: PointRow,
  { logicalBytes }: RecordedQuote,
  first: PointRow | undefined,
): number {
  return isImageKind(resourceKind) ? (first?.counts.readBytes ?? logicalBytes) : counts.logicalBytes;
}

/** New content of each day: of several days since the base, each as much as the others. */
function changePerDay({ counts, sourceTime }: PointRow, base: PointRow, content: number): number {
  const days = Math.max(1 / 24, (sourceTime.getTime() - base.sourceTime.getTime()) / dayMs);
  const share = content === 0 ? 0 : Math.min(1, counts.newBytes / content);
  return share === 1 ? 1 : 1 - (1 - share) ** (1 / days);
}
