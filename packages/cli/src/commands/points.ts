import { type Catalog, isDegraded, type PointRow, type TimeRange, unreadOf } from '@holdfast/engine';
import { defineCommand } from '../terminal/command.ts';
import { pointStateCell } from '../names/degraded-point.ts';
import type { Output } from '../terminal/output.ts';
import { idDigits, ids, pointDigits, resources, right, states, times, wideOnly } from '../terminal/table.ts';
import { resolveResourceArn } from '../names/resolve.ts';
import { driftText, findDrift } from '../quote/quote-drift.ts';
import { bytesText } from '../terminal/text.ts';
import { fromOption, limitOption, timeRangeOf, toOption } from '../terminal/options.ts';

export const pointsCommand = defineCommand({
  name: 'points',
  summary: 'List recovery points, the newest first: of one resource, or of all.',
  declare: (command) =>
    command
      .argument('[resource]')
      .addOption(fromOption)
      .addOption(toOption)
      .addOption(limitOption('at most so many; else all')),
  async run({ connect, out }, { limit, ...values }, resource) {
    const range = timeRangeOf(values);
    const { catalog } = (await connect()).services;
    const arn = resource === undefined ? undefined : await resolveResourceArn(catalog, resource);
    const points = arn === undefined ? await listAllPoints(catalog, range) : catalog.points.list(arn, range);
    const rows: PointRow[] = [];
    for await (const point of points) {
      if (rows.length === limit) break;
      rows.push(point);
    }
    if (out.json)
      return out.document(rows.map((row) => ({ ...row, unread: unreadOf(row), degraded: isDegraded(row) })));
    await printPoints(rows, out);
    const drift = arn === undefined ? undefined : await findDrift(catalog, arn);
    if (drift !== undefined) await out.line(`quote: ${driftText(drift)}`);
  },
});

/** Points of all resources, including those that are no longer in the catalog. */
async function listAllPoints(catalog: Catalog, { from, to }: TimeRange): Promise<readonly PointRow[]> {
  const rows: PointRow[] = [];
  for await (const point of catalog.points.listExpiring({})) {
    const { sourceTime } = point;
    if ((from === undefined || sourceTime >= from) && (to === undefined || sourceTime <= to))
      rows.push(point);
  }
  return rows.sort(
    (a, b) => b.sourceTime.getTime() - a.sourceTime.getTime() || (a.pointId < b.pointId ? 1 : -1),
  );
}

async function printPoints(rows: readonly PointRow[], out: Output): Promise<void> {
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
        pointStateCell({ warnings, ...facts }),
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
