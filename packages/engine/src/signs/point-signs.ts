import type { PointId } from '../ids.ts';
import type { BackupType } from '../model/backup-type.ts';
import { dayMs } from '../model/time.ts';
import type { KeptSigns, PointCounts, PointRow } from '../ports/catalog/points.ts';

/**
 * Bounds from which on a point is not like those before it. A point is compared with earlier ones of its own resource:
 * pictures never compress, and a cache changes every day.
 */
export const signThresholds = {
  /** Earlier points that say what is usual. More: what was usual long ago counts. Fewer: one odd day does. */
  earlierPoints: 10,
  /** Earlier points of the same type, without which there is no usual share. */
  leastEarlier: 2,
  /** Files that there were before; of fewer, shares say nothing. */
  leastFiles: 20,
  /** Share of what was there that changed, is gone, or is new content of a full; and how many times what is usual. */
  leastShare: 0.5,
  timesUsual: 5,
  /** Share of the content that is new where so many files changed: other owners, times or tags encrypt nothing. */
  leastNewShare: 0.25,
  /** New data that compresses to at least this share of its size, where earlier data compressed to that or less. */
  leastStoredShare: 0.9,
  mostUsualStoredShare: 0.7,
  /** New data that is enough to tell by, in bytes and as a share of the content: a film among texts is no sign. */
  leastNewBytes: 256 * 1024,
  leastNewOfContent: 0.05,
  /** Files with one more ending behind their name. */
  leastRenamed: 20,
  /** Days for which later points are not taken for clean: they have what was encrypted, and show no sign of it. */
  suspectDays: 30,
} as const;

/** A way in which a point is not like earlier points of its resource. Shares are between 0 and 1. */
export type PointSign =
  | { readonly sign: 'changed' | 'removed' | 'rewritten'; readonly share: number; readonly usual: number }
  /** Size of new data in the vault, as a share of its plain size. */
  | { readonly sign: 'incompressible'; readonly share: number; readonly usual: number }
  | { readonly sign: 'names' | 'renamed'; readonly files: number; readonly examples: readonly string[] };

/** Why a point is not taken for clean, though it may lack nothing. */
export interface Suspicion {
  /** Its own signs; none where it only comes after one that has some. */
  readonly signs: readonly PointSign[];
  /**
   * The first point with signs that is not older than {@link signThresholds.suspectDays} days. It may be this one, and it
   * may be gone.
   */
  readonly since: Pick<PointRow, 'pointId' | 'sourceTime'>;
  /** The signs of that one. */
  readonly sinceSigns: readonly PointSign[];
}

/**
 * Finds the points of one resource that speak of an attack, and those that come after such a one.
 * @param points - all of the resource, in any order: fewer, and less is known of what is usual.
 */
export function findSuspicions(points: Iterable<PointRow>): ReadonlyMap<PointId, Suspicion> {
  const suspicions = new Map<PointId, Suspicion>();
  for (const { point, signs, loud } of judgeInOrder(points)) {
    const [first] = loud;
    if (first !== undefined) suspicions.set(point.pointId, { signs, since: first, sinceSigns: first.signs });
  }
  return suspicions;
}

/**
 * Finds what has to be noted on points that stay before others go: what they say themselves, where nothing could be
 * compared with afterwards, also that it is nothing; and signs of points that go, on the next one that stays. What is noted
 * already is left out.
 * @param points - all of the resource, in any order.
 */
export function findSignsToKeep(
  points: Iterable<PointRow>,
  stays: (point: PointRow) => boolean,
): ReadonlyMap<PointId, readonly KeptSigns[]> {
  const all = [...points];
  const staying = new Set(all.filter(stays).map(({ pointId }) => pointId));
  const alone = judgeInOrder(all.filter(({ pointId }) => staying.has(pointId)));
  const loudAlone = new Set(
    [...alone].flatMap(({ point, signs }) => (signs.length > 0 ? point.pointId : [])),
  );
  const carried = new Set<PointId>();
  const toKeep = new Map<PointId, readonly KeptSigns[]>();
  for (const { point, signs, loud } of judgeInOrder(all)) {
    const { pointId, sourceTime, keptSigns = [] } = point;
    if (!staying.has(pointId)) continue;
    const wanted = loud.filter(
      (one) => one.pointId === pointId || !(staying.has(one.pointId) || carried.has(one.pointId)),
    );
    for (const one of wanted) carried.add(one.pointId);
    // Without those that go, it would be unlike the rest.
    const own = signs.length === 0 && loudAlone.has(pointId) ? [{ pointId, sourceTime, signs }] : [];
    const missing = [...own, ...wanted].filter(
      (one) => !keptSigns.some((kept) => kept.pointId === one.pointId),
    );
    const added = missing.map(({ sourceTime: time, ...kept }) => ({
      ...kept,
      sourceTime: time.toISOString(),
    }));
    if (added.length > 0) toKeep.set(pointId, added);
  }
  return toKeep;
}

/** A point with signs, which may be gone. */
interface LoudPoint extends Pick<PointRow, 'pointId' | 'sourceTime'> {
  readonly signs: readonly PointSign[];
}

interface Judged {
  readonly point: PointRow;
  readonly signs: readonly PointSign[];
  /** Points with signs up to this one, for as long as they are remembered, the oldest first. */
  readonly loud: readonly LoudPoint[];
}

/** Judges points of one resource one after the other, the oldest first. */
function* judgeInOrder(points: Iterable<PointRow>): Generator<Judged> {
  const inOrder = [...points].sort(
    (a, b) => a.sourceTime.getTime() - b.sourceTime.getTime() || (a.pointId < b.pointId ? -1 : 1),
  );
  const byId = new Map(inOrder.map((point) => [point.pointId, point]));
  const earlier: PointRow[] = [];
  const usual: Usual = { byType: new Map(), plainBytes: 0, storedBytes: 0 };
  let loud: readonly LoudPoint[] = [];
  for (const point of inOrder) {
    const { pointId, sourceTime, keptSigns = [] } = point;
    const own = keptSigns.find((kept) => kept.pointId === pointId)?.signs;
    const signs = [...(own ?? [])];
    for (const kept of keptSigns)
      if (kept.pointId !== pointId && !loud.some((one) => one.pointId === kept.pointId))
        loud = [...loud, { ...kept, sourceTime: new Date(kept.sourceTime) }];
    // It is made of the vault alone, and says nothing about the source; but the next point may have it as its base.
    if (point.type !== 'synthetic-full') {
      const compared = { point, before: beforeOf(point, byId, earlier) };
      if (own === undefined) signs.push(...signsOf(compared, usual));
      // Those with signs, too: who changes the format of everything should be asked once.
      note(compared, usual);
      earlier.push(point);
    }
    if (signs.length > 0) loud = [...loud, { pointId, sourceTime, signs }];
    loud = loud
      .filter((one) => !isLongBefore(one, point))
      .sort((a, b) => a.sourceTime.getTime() - b.sourceTime.getTime());
    yield { point, signs, loud };
  }
}

function isLongBefore(one: LoudPoint, other: PointRow): boolean {
  return other.sourceTime.getTime() - one.sourceTime.getTime() >= signThresholds.suspectDays * dayMs;
}

type Before = Pick<PointCounts, 'files' | 'logicalBytes'>;

interface Compared {
  readonly point: PointRow;
  /** Facts of the point that it is compared with; absent for the first of all. */
  readonly before: Before | undefined;
}

/** Figures of earlier points. */
interface Usual {
  /** The last ones, the oldest first. */
  readonly byType: Map<BackupType, readonly Compared[]>;
  /** New data of all of them, and its size in the vault. */
  plainBytes: number;
  storedBytes: number;
}

function note(compared: Compared, usual: Usual): void {
  const { type, counts } = compared.point;
  const alike = [...(usual.byType.get(type) ?? []), compared];
  usual.byType.set(type, alike.slice(-signThresholds.earlierPoints));
  usual.plainBytes += counts.newBytes;
  usual.storedBytes += counts.storedBytes;
}

/**
 * Numbers of the point that it was compared with; of a full, of the one before it of that type. Where retention has
 * removed the base, those of the point before it, with as many files as the base must have had.
 */
function beforeOf(
  { type, basePointId, sourceTime, counts }: PointRow,
  byId: ReadonlyMap<PointId, PointRow>,
  earlier: readonly PointRow[],
): Before | undefined {
  const base = basePointId === undefined ? undefined : byId.get(basePointId);
  if (base !== undefined) return base.counts;
  const isBefore = (other: PointRow): boolean =>
    other.sourceTime < sourceTime && (basePointId !== undefined || other.type === type);
  const found = earlier.findLast(isBefore)?.counts;
  if (found === undefined || basePointId === undefined) return found;
  const { files, filesChanged, filesRemoved } = counts;
  return { ...found, files: Math.max(found.files, files - filesChanged + filesRemoved) };
}

function signsOf(compared: Compared, usual: Usual): readonly PointSign[] {
  const { point } = compared;
  const alike = usual.byType.get(point.type) ?? [];
  return [...sharesOf(compared, alike), ...densityOf(point, usual), ...namesOf(point, alike)];
}

type Share = (counts: PointCounts, before: Before) => number;

function sharesOf({ point, before }: Compared, alike: readonly Compared[]): readonly PointSign[] {
  if (before === undefined) return [];
  const unusual = (sign: 'changed' | 'removed' | 'rewritten', shareOf: Share): readonly PointSign[] => {
    const share = shareOf(point.counts, before);
    // Asked first: nearly every point answers it, and what is usual takes much longer to say.
    if (share < signThresholds.leastShare) return [];
    const shares = alike.flatMap((other) =>
      other.before === undefined ? [] : [shareOf(other.point.counts, other.before)],
    );
    if (shares.length < signThresholds.leastEarlier) return [];
    const usual = median(shares);
    const isUnusual = share >= signThresholds.timesUsual * usual;
    return isUnusual ? [{ sign, share, usual }] : [];
  };
  if (point.type === 'full') return unusual('rewritten', newShare);
  if (before.files < signThresholds.leastFiles) return [];
  const hasNew = newShare(point.counts, before) >= signThresholds.leastNewShare;
  return [...(hasNew ? unusual('changed', changedShare) : []), ...unusual('removed', removedShare)];
}

/** The share of the files that there were which are other now. The counters of a run have added ones among the changed. */
function changedShare({ files, filesChanged, filesRemoved }: PointCounts, before: Before): number {
  const added = Math.max(0, files - before.files + filesRemoved);
  return before.files === 0 ? 0 : Math.min(1, Math.max(0, filesChanged - added) / before.files);
}

function removedShare({ filesRemoved }: PointCounts, before: Before): number {
  return before.files === 0 ? 0 : Math.min(1, filesRemoved / before.files);
}

/** The share of the content that the vault did not have; growth apart. */
function newShare({ newBytes, logicalBytes }: PointCounts, before: Before): number {
  const grown = Math.max(0, logicalBytes - before.logicalBytes);
  return logicalBytes === 0 ? 0 : Math.min(1, Math.max(0, newBytes - grown) / logicalBytes);
}

function densityOf(
  { counts }: PointRow,
  { plainBytes, storedBytes: usuallyStored }: Usual,
): readonly PointSign[] {
  const { newBytes, storedBytes, logicalBytes } = counts;
  const least = Math.max(signThresholds.leastNewBytes, signThresholds.leastNewOfContent * logicalBytes);
  if (newBytes < least || plainBytes < signThresholds.leastNewBytes) return [];
  const [share, usual] = [Math.min(1, storedBytes / newBytes), usuallyStored / plainBytes];
  const isDense = share >= signThresholds.leastStoredShare && usual <= signThresholds.mostUsualStoredShare;
  return isDense ? [{ sign: 'incompressible', share, usual }] : [];
}

function namesOf({ marks }: PointRow, alike: readonly Compared[]): readonly PointSign[] {
  if (marks === undefined) return [];
  const usual = Math.max(0, ...alike.map(({ point }) => point.marks?.known ?? 0));
  const { known, renamed, knownExamples, renamedExamples } = marks;
  const signs: PointSign[] = [];
  if (known > usual) signs.push({ sign: 'names', files: known, examples: knownExamples });
  if (renamed >= signThresholds.leastRenamed)
    signs.push({ sign: 'renamed', files: renamed, examples: renamedExamples });
  return signs;
}

/** The middle one; 0 of none. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
