import { isDegraded, unreadOf } from '../points/unread.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';
import type { Plans } from '../model/plan.ts';
import { hourMs } from '../model/time.ts';

/**
 * Standings of a resource, from the best to the worst. `degraded`: its newest point carries or lacks entries, and the last
 * clean one is recent enough. `overdue`: it has points, but the last clean one is older than the plan's RPO, or none is
 * clean. `unprotected`: no point, or not backed up.
 */
export const standings = ['protected', 'degraded', 'overdue', 'unprotected'] as const;
export type Standing = (typeof standings)[number];

/** The newest point of a resource, and the newest that is not degraded. */
export interface LastPoints {
  readonly newest?: PointRow;
  readonly clean?: PointRow;
}

export interface ResourceStanding extends LastPoints {
  readonly resource: ResourceRow;
  readonly standing: Standing;
  /** RPO of its plan; absent when the plan, or all plans, are not known here. */
  readonly rpoHours?: number;
  /** Hours since the source was in the state of its last clean point. */
  readonly ageHours?: number;
  /** Reason for people: why it is not protected, or may not be for long. */
  readonly problem?: string;
}

/**
 * Finds a resource's last points among all of its points, the newest first. The resource's row is no help: it forgets when
 * a tag is taken off and put on again. Reads until one is clean.
 */
export async function findLastPoints(
  points: AsyncIterable<PointRow> | Iterable<PointRow>,
): Promise<LastPoints> {
  let newest: PointRow | undefined;
  for await (const point of points) {
    if (point.expiring === true) continue;
    newest ??= point;
    if (!isDegraded(point)) return { newest, clean: point };
  }
  return newest === undefined ? {} : { newest };
}

/**
 * Judges whether a resource is protected as its plan promises. A directory's plan is known only to its own host.
 * @param plans - the deployed plans; when they are not known, no resource counts as overdue.
 */
export function judgeResource(
  resource: ResourceRow,
  { newest, clean }: LastPoints,
  plans: Plans | undefined,
  now: Date,
): ResourceStanding {
  const plan = plans?.find(({ name }) => name === resource.plan);
  const ageHours = clean && Math.max(0, now.getTime() - clean.sourceTime.getTime()) / hourMs;
  const blocker =
    resource.problem ??
    (plans !== undefined && plan === undefined && resource.kind !== 'directory'
      ? `plan "${resource.plan}" is not deployed; correct the tag or deploy it`
      : undefined);
  const isOverdue = plan !== undefined && (ageHours ?? Infinity) > plan.rpoHours;
  const lacks = newest !== undefined && isDegraded(newest);
  const standing =
    blocker !== undefined || newest === undefined
      ? 'unprotected'
      : isOverdue
        ? 'overdue'
        : lacks
          ? 'degraded'
          : 'protected';
  const problem =
    blocker ??
    (newest === undefined ? 'no point yet' : undefined) ??
    (lacks ? degradedText(newest, clean) : undefined) ??
    (resource.lastRunState === 'failed' ? 'last run failed' : undefined);
  return {
    resource,
    standing,
    newest,
    clean,
    rpoHours: plan?.rpoHours,
    ageHours,
    problem,
  };
}

/** Tells people what a degraded point could not read, and which point to go back to. */
function degradedText(newest: PointRow, clean: PointRow | undefined): string {
  const { carried, missing } = unreadOf(newest);
  const entries = carried + missing === 1 ? 'entry' : 'entries';
  const lacks =
    newest.snapshotsMissing === undefined
      ? `could not read ${carried + missing} ${entries} and lacks ${missing}`
      : `has lost ${newest.snapshotsMissing} of its ${newest.counts.files} EBS snapshots`;
  return (
    `the newest point ${lacks}; ` +
    (clean === undefined ? 'no point is clean' : `the last clean one is ${clean.pointId}`)
  );
}
