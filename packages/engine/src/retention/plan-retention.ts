import type { PointId } from '../ids.ts';
import { isDegraded } from '../points/unread.ts';
import type { UnreadFacts } from '../points/unread-facts.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { isImageKind } from '../model/resource-kind.ts';
import {
  calendarRuleNames,
  calendarRules,
  type CalendarRuleName,
  type CalendarUnit,
  type RetentionRules,
} from '../model/retention-rules.ts';
import { Calendar } from './calendar.ts';
import { dayMs } from '../model/time.ts';

/**
 * The rule that keeps a point. Two are no rules of the plan. `clean`: it is the resource's last point that lacks
 * nothing, and is kept for as long as any of the degraded points after it. `hold`: somebody holds the point.
 */
export type RetentionReason = CalendarRuleName | 'days' | 'minimum' | 'clean' | 'hold';

/** Facts of a point that decide how long it is kept. */
export type RetainedPoint = UnreadFacts &
  Pick<
    PointRow,
    | 'pointId'
    | 'resourceKind'
    | 'type'
    | 'sourceTime'
    | 'committedAt'
    | 'expiresAt'
    | 'expiring'
    | 'holds'
    | 'hasBlocks'
  >;

export interface RetentionDecision<Point extends RetainedPoint = PointRow> {
  readonly point: Point;
  /** The latest date that any rule gives; in the past for a point that no rule keeps. */
  readonly keepUntil: Date;
  /** The rules that keep the point now, the one of `keepUntil` first. Empty when none does. */
  readonly reasons: readonly RetentionReason[];
  /** The point is kept so long that it has to become a container first (rule 8 of docs/leases.md). */
  readonly container: boolean;
}

/**
 * Decides until when each point of ONE resource is kept. Pure: the same points, rules and time give the same answer, so
 * a preview of rules that are not deployed yet is this function with other rules.
 *
 * It only ever asks for more than a point has; a point's own expiry is a promise of the store, which no rule shortens.
 * Points that are being expired are left out of the answer, and represent nothing. Degraded points are kept like all
 * others, and never instead of clean ones: a period that begins with degraded ones keeps its first clean one too, and
 * the minimum is counted once over all points and once over clean ones.
 * @param points - in any order.
 * @param damaged - containers of which something is lost: they represent nothing, so that the points they were made of
 * are kept in their place, if still there, and made into containers anew. They stay until their own date.
 * @returns decisions, the newest point first. Time and memory: in proportion to the points of the resource.
 */
export function planRetention<Point extends RetainedPoint>(
  points: readonly Point[],
  rules: RetentionRules,
  now: Date,
  damaged: ReadonlySet<PointId> = new Set(),
): readonly RetentionDecision<Point>[] {
  const calendar = new Calendar(rules.timeZone);
  const oldestFirst = points.filter(({ expiring }) => expiring !== true).toSorted(byAge);
  const whole = oldestFirst.filter(({ pointId }) => !damaged.has(pointId));
  const clean = whole.filter((point) => !isDegraded(point));
  const representatives = calendarRuleNames
    .filter((reason) => rules[reason] > 0)
    .map((reason) => {
      const { unit } = calendarRules[reason];
      const chosen = firstOfEach(unit, calendar, whole).union(firstOfEach(unit, calendar, clean));
      return { reason, unit, periods: rules[reason], points: chosen };
    });
  const newest = new Set([
    ...newestOf(oldestFirst, rules.minimumPoints),
    ...newestOf(clean, rules.minimumPoints),
  ]);
  const decisions = oldestFirst
    .map((point) => {
      const dates: { readonly reason: RetentionReason; readonly until: Date }[] = [
        { reason: 'days', until: daysAfter(point.committedAt, rules.keepDays) },
      ];
      for (const { reason, unit, periods, points: chosen } of representatives) {
        if (!chosen.has(point.pointId)) continue;
        const index = calendar.indexOf(unit, timeOf(point));
        dates.push({ reason, until: calendar.startOf(unit, index + periods + 1) });
      }
      // One of the newest counts as if it had just been made, every day anew.
      if (newest.has(point.pointId)) dates.push({ reason: 'minimum', until: daysAfter(now, rules.keepDays) });
      if (point.holds !== undefined) dates.push({ reason: 'hold', until: daysAfter(now, rules.keepDays) });
      return decide(point, dates, rules, now);
    })
    .toReversed();
  return keepLastClean(decisions, clean.at(-1)?.pointId, now);
}

function newestOf(oldestFirst: readonly RetainedPoint[], count: number): readonly PointId[] {
  return oldestFirst.slice(Math.max(0, oldestFirst.length - count)).map(({ pointId }) => pointId);
}

/** Keeps the last clean point as long as the degraded ones after it: none may outlive the one that has everything. */
function keepLastClean<Point extends RetainedPoint>(
  newestFirst: readonly RetentionDecision<Point>[],
  lastClean: PointId | undefined,
  now: Date,
): readonly RetentionDecision<Point>[] {
  const at = newestFirst.findIndex(({ point }) => point.pointId === lastClean);
  const found = newestFirst[at];
  if (found === undefined || at === 0) return newestFirst;
  const ends = newestFirst.slice(0, at).map(({ point, keepUntil }) => [point.expiresAt, keepUntil]);
  const until = new Date(Math.max(...ends.flat().map((date) => date.getTime())));
  if (until <= now || until <= found.keepUntil) return newestFirst;
  return newestFirst.with(at, { ...found, keepUntil: until, reasons: ['clean', ...found.reasons] });
}

function decide<Point extends RetainedPoint>(
  point: Point,
  dates: { readonly reason: RetentionReason; readonly until: Date }[],
  rules: RetentionRules,
  now: Date,
): RetentionDecision<Point> {
  const latestFirst = dates.toSorted((a, b) => b.until.getTime() - a.until.getTime());
  const keepUntil = latestFirst[0]?.until ?? now;
  // By the calendar's dates alone: a point that `days` keeps goes with its neighbours, however late that is; `minimum`
  // and holds ask for a little more every day and have no end to plan for.
  const planned = latestFirst.find(({ reason }) => reason in calendarRules)?.until ?? now;
  return {
    point,
    keepUntil,
    reasons: latestFirst.filter(({ until }) => until > now).map(({ reason }) => reason),
    container:
      (!isImageKind(point.resourceKind) || point.hasBlocks === true) &&
      point.type !== 'synthetic-full' &&
      planned > now &&
      planned > daysAfter(point.committedAt, Math.max(rules.containerAfterDays, rules.keepDays)),
  };
}

/** The first point of each period; of one source time the container, which stands by itself. */
function firstOfEach(
  unit: CalendarUnit,
  calendar: Calendar,
  oldestFirst: readonly RetainedPoint[],
): Set<PointId> {
  const first = new Map<number, RetainedPoint>();
  for (const point of oldestFirst) {
    const index = calendar.indexOf(unit, timeOf(point));
    const chosen = first.get(index);
    const isContainerOfChosen =
      chosen !== undefined &&
      chosen.sourceTime.getTime() === point.sourceTime.getTime() &&
      chosen.type !== 'synthetic-full' &&
      point.type === 'synthetic-full';
    if (chosen === undefined || isContainerOfChosen) first.set(index, point);
  }
  return new Set([...first.values()].map(({ pointId }) => pointId));
}

/**
 * A point's time in the calendar: its source time, but never after its commit. A clock that was ahead once leaves all
 * later points behind it, seconds apart, in a period that has not come yet.
 */
function timeOf({ sourceTime, committedAt }: RetainedPoint): Date {
  return sourceTime < committedAt ? sourceTime : committedAt;
}

function byAge(a: RetainedPoint, b: RetainedPoint): number {
  return a.sourceTime.getTime() - b.sourceTime.getTime() || a.committedAt.getTime() - b.committedAt.getTime();
}

function daysAfter(time: Date, days: number): Date {
  return new Date(time.getTime() + days * dayMs);
}
