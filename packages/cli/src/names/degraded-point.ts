import {
  findCleanPoint,
  isDegraded,
  type PointRow,
  UnreadCounts,
  unreadOf,
  type UnreadFacts,
} from '@holdfast/engine';
import * as z from 'zod';
import type { CommandContext } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import type { Cell } from '../terminal/table.ts';
import { numberText, timeText } from '../terminal/text.ts';

/** Unread entries for people: `7 entries could not be read: it lacks 5, and has 2 as earlier points do`. */
export function unreadText(point: UnreadFacts): string {
  const { carried, missing } = unreadOf(point);
  const total = carried + missing;
  if (total === 0) return 'everything was read';
  if (point.snapshotsMissing !== undefined) return `${point.snapshotsMissing} of its EBS snapshots are gone`;
  const entries = total === 1 ? '1 entry' : `${numberText(total)} entries`;
  const parts = [
    ...(missing > 0 ? [`it lacks ${numberText(missing)}`] : []),
    ...(carried > 0 ? [`has ${numberText(carried)} as earlier points do`] : []),
  ];
  return `${entries} could not be read: ${parts.join(', and ').replace(/^has/, 'it has')}`;
}

/** State of a point for a table: `clean`, `suspect`, or `degraded (5 missing, 2 older)`, perhaps with `, suspect`. */
export function pointStateCell(point: UnreadFacts, isSuspect = false): Cell {
  const { carried, missing } = unreadOf(point);
  if (!isDegraded(point)) return isSuspect ? 'suspect' : 'clean';
  const also = isSuspect ? ', suspect' : '';
  return { short: `degraded${also}`, whole: `degraded (${missing} missing, ${carried} older)${also}` };
}

/** Warning that says what a degraded point lacks, and what to take instead. */
export function degradedText(
  pointId: string,
  point: UnreadFacts,
  clean: { readonly pointId: string; readonly sourceTime: Date } | undefined,
): string {
  const instead =
    clean === undefined
      ? 'the resource has no clean point'
      : `the clean point to use instead is ${clean.pointId} of ${timeText(clean.sourceTime)}`;
  return `point ${pointId} is degraded: ${unreadText(point)}; ${instead}`;
}

/** Fields that a degraded point adds to an answer for programs; none for a clean one. */
export const degradedShape = {
  unread: UnreadCounts.strict().optional(),
  /** Absent where the resource has none. */
  cleanPointId: z.string().optional(),
};
export type DegradedFields = z.infer<z.ZodObject<typeof degradedShape>>;

/** Warns on stderr that a point is degraded, before anything is done with it. @returns the same for programs. */
export async function warnDegraded(
  point: PointRow,
  { services }: Pick<Connection, 'services'>,
  { warn, clock }: Pick<CommandContext, 'warn' | 'clock'>,
): Promise<DegradedFields> {
  if (!isDegraded(point)) return {};
  const clean = await findCleanPoint(services.catalog, point, clock.now());
  warn(
    `${degradedText(point.pointId, point, clean)}; "holdfast warnings ${point.pointId}" names what could not be read`,
  );
  return { unread: unreadOf(point), cleanPointId: clean?.pointId };
}
