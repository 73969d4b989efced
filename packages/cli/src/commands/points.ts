import {
  type Catalog,
  findSuspicions,
  isDegraded,
  type PointId,
  type PointRow,
  type Suspicion,
  type TimeRange,
  UnreadCounts,
  unreadOf,
} from '@holdfast/engine';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { pointStateCell } from '../names/degraded-point.ts';
import { pointShape } from '../names/row-fields.ts';
import { suspectOf, suspectText, SuspicionFields, suspicionFields } from '../names/suspect-point.ts';
import type { Output } from '../terminal/output.ts';
import { idDigits, ids, pointDigits, resources, right, states, times, wideOnly } from '../terminal/table.ts';
import { resolveResourceArn } from '../names/resolve.ts';
import { driftText, findDrift } from '../quote/quote-drift.ts';
import { bytesText } from '../terminal/text.ts';
import { fromOption, limitOption, timeRangeOf, toOption } from '../terminal/options.ts';

const Listed = documentAnswer(
  'always',
  z.array(
    z.strictObject({
      ...pointShape,
      unread: UnreadCounts.strict(),
      degraded: z.boolean(),
      suspicion: SuspicionFields.optional(),
    }),
  ),
);

export const pointsCommand = defineCommand({
  name: 'points',
  summary: 'List recovery points, the newest first: of one resource, or of all.',
  answers: { listed: Listed },
  declare: (command) =>
    command
      .argument('[resource]')
      .addOption(fromOption)
      .addOption(toOption)
      .addOption(limitOption('at most so many; else all')),
  async run({ connect, out, clock, keepNames }, { limit, ...values }, resource) {
    const range = timeRangeOf(values);
    const { catalog } = (await connect()).services;
    const arn = resource === undefined ? undefined : await resolveResourceArn(catalog, resource);
    // All of them, whatever is asked for: they say together what is usual.
    const points =
      arn === undefined ? await listAllPoints(catalog) : await Array.fromAsync(catalog.points.list(arn));
    const byResource = Map.groupBy(points, ({ resourceArn }) => resourceArn);
    const suspicions = new Map([...byResource.values()].flatMap((some) => [...findSuspicions(some)]));
    const rows = points.filter((point) => isWithin(point, range)).slice(0, limit);
    await keepNames({ points: rows.map(({ pointId }) => pointId) });
    if (out.json)
      return out.answer(
        Listed,
        rows.map((row) => {
          const suspicion = suspicions.get(row.pointId);
          return {
            ...row,
            unread: unreadOf(row),
            degraded: isDegraded(row),
            suspicion: suspicion && suspicionFields(suspicion),
          };
        }),
      );
    await printPoints(rows, suspicions, out);
    for (const some of byResource.values()) {
      const newest = rows.find(({ resourceArn }) => resourceArn === some[0]?.resourceArn);
      const suspect = newest && suspectOf(some, clock.now(), newest);
      if (suspect !== undefined) await out.line(suspectText(suspect));
    }
    const drift = arn === undefined ? undefined : await findDrift(catalog, arn);
    if (drift !== undefined) await out.line(`quote: ${driftText(drift)}`);
  },
});

/** Points of all resources, including those that are no longer in the catalog. */
async function listAllPoints(catalog: Catalog): Promise<readonly PointRow[]> {
  const rows = await Array.fromAsync(catalog.points.listExpiring({}));
  return rows.sort(
    (a, b) => b.sourceTime.getTime() - a.sourceTime.getTime() || (a.pointId < b.pointId ? 1 : -1),
  );
}

function isWithin({ sourceTime }: PointRow, { from, to }: TimeRange): boolean {
  return (from === undefined || sourceTime >= from) && (to === undefined || sourceTime <= to);
}

async function printPoints(
  rows: readonly PointRow[],
  suspicions: ReadonlyMap<PointId, Suspicion>,
  out: Output,
): Promise<void> {
  await out.table(
    [
      ids('POINT', pointDigits),
      resources('RESOURCE'),
      wideOnly('TYPE'),
      times('TAKEN'),
      times('EXPIRES'),
      wideOnly('HOLDS'),
      wideOnly(right('FILES')),
      right('SIZE'),
      wideOnly(right('STORED')),
      wideOnly(right('WARNINGS')),
      states('STATE'),
    ],
    rows.map(
      ({ pointId, resourceArn, type, sourceTime, expiresAt, holds = [], counts, warnings, ...facts }) => [
        pointId,
        resourceArn,
        type,
        sourceTime,
        expiresAt,
        holds.map((hold) => hold.slice(0, idDigits)).join(' ') || '-',
        String(counts.files),
        bytesText(counts.logicalBytes),
        bytesText(counts.storedBytes),
        String(warnings),
        pointStateCell({ warnings, ...facts }, suspicions.has(pointId)),
      ],
    ),
  );
  // Rows are ordered by time, so the first of each resource is its newest here.
  const seen = new Set<string>();
  for (const row of rows) {
    if (seen.has(row.resourceArn)) continue;
    seen.add(row.resourceArn);
    if (!isDegraded(row)) continue;
    const clean = rows.find((other) => other.resourceArn === row.resourceArn && !isDegraded(other));
    await out.line(
      `the newest of these points of ${row.resourceArn} is degraded; ` +
        (clean === undefined ? 'none of them is clean' : `the last clean one is ${clean.pointId}`),
    );
  }
}
