import { type CoveredItem, type PointRow, priceStored, standings as allStandings } from '@holdfast/engine';
import { ResourceKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { inventoryParts } from '../deployment/connection.ts';
import { dollarsText, pricesText } from '../names/archived-point.ts';
import {
  openBytesText,
  findVanished,
  readCoverage,
  type ReadCoverage,
  UnknownParts,
} from '../names/read-coverage.ts';
import { judgeAll } from '../names/resource-standing.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { prose, resources, right, states, times } from '../terminal/table.ts';
import { bytesText, countText, shortNameOf } from '../terminal/text.ts';

const Covered = documentAnswer(
  'always',
  z.strictObject({
    resources: z.array(
      z.strictObject({
        resourceArn: z.string(),
        kind: z.enum([...ResourceKind.options, 'efs-file-system', 'database', 'dynamodb-table']),
        name: z.string().optional(),
        bytes: WholeNumber.optional(),
        coverage: z.enum(['backed-up', 'no-plan', 'unsupported', 'empty']),
        standing: z.enum(allStandings).optional(),
        reason: z.string().optional(),
        copyDollarsMonth: z.number().optional(),
      }),
    ),
    vanished: z.array(
      z.strictObject({
        resourceArn: z.string(),
        lastPointId: z.string(),
        lastSourceTime: Time,
        expiresAt: Time,
      }),
    ),
    unknown: UnknownParts,
  }),
);

export const coverageCommand = defineCommand({
  name: 'coverage',
  summary: 'List what of the account holds data and is not backed up, by size, tagged or not.',
  answers: { covered: Covered },
  declare: (command) =>
    command
      .option('--all', 'what is backed up, or empty, too')
      .option('--check', 'exit with 5 when something that could be backed up is not, or nobody may look'),
  async run(context, { all, check }): Promise<ExitCode> {
    const connection = await context.connect();
    const { catalog } = connection.services;
    const plans = await connection.deployment.findPlans();
    const standings = await judgeAll(catalog, plans, context.clock.now());
    const coverage = await readCoverage(connection, standings, inventoryParts, context.signal);
    const vanished = await findVanished(catalog, standings);
    const shown = coverage.items
      .filter((one) => all === true || isOpen(one) || one.coverage === 'unsupported')
      .toSorted((a, b) => rankOf(a) - rankOf(b) || sizeOf(b) - sizeOf(a));
    if (context.out.json)
      await context.out.answer(Covered, documentOf({ ...coverage, items: shown }, vanished));
    else await print(coverage, shown, vanished, context);
    // What nobody looked at may be anything.
    const isCovered = !coverage.items.some(isOpen) && vanished.length === 0 && coverage.unknown.length === 0;
    return check === true && !isCovered ? exitCodes.unprotected : exitCodes.ok;
  },
});

/** It could be backed up, and has no plan, or a plan and nothing that came of it. */
function isOpen({ coverage, standing }: CoveredItem): boolean {
  return coverage === 'no-plan' || standing === 'unprotected';
}

const ranks = { 'no-plan': 0, unsupported: 1, 'backed-up': 2, empty: 3 } as const;

function rankOf(item: CoveredItem): number {
  return isOpen(item) ? ranks['no-plan'] : ranks[item.coverage];
}

/** A size that is not known may be large. */
function sizeOf({ item: { bytes = Infinity } }: CoveredItem): number {
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

function documentOf({ items, unknown }: ReadCoverage, vanished: readonly PointRow[]) {
  return {
    resources: items.map(({ item, coverage, standing, reason }) => ({
      resourceArn: item.arn,
      kind: item.kind,
      name: item.name,
      bytes: item.bytes,
      coverage,
      standing,
      reason,
      copyDollarsMonth: item.bytes === undefined ? undefined : priceStored(item.bytes),
    })),
    vanished: vanished.map(({ resourceArn, pointId, sourceTime, expiresAt }) => ({
      resourceArn,
      lastPointId: pointId,
      lastSourceTime: sourceTime,
      expiresAt,
    })),
    unknown,
  };
}

async function print(
  { items, unknown }: ReadCoverage,
  shown: readonly CoveredItem[],
  vanished: readonly PointRow[],
  { out }: CommandContext,
): Promise<void> {
  await out.line(coverageText(items));
  for (const { part, reason } of unknown) await out.line(`unknown    ${part}: ${reason}`);
  if (shown.length > 0) {
    await out.line();
    await out.table(
      ['RESOURCE', 'KIND', right('SIZE'), right('A COPY'), states('STANDING'), prose('WHY')],
      shown.map(({ item, coverage, standing, reason }) => [
        item.name === undefined ? shortNameOf(item.arn) : `${shortNameOf(item.arn)} ${item.name}`,
        item.kind,
        item.bytes === undefined ? 'unknown' : bytesText(item.bytes),
        item.bytes === undefined ? undefined : dollarsText(priceStored(item.bytes)),
        standing ?? coverage,
        reason,
      ]),
    );
    await out.line(
      `a copy: a month of one copy of that size, before compression and history (${pricesText})`,
    );
  }
  if (shown.some(({ coverage }) => coverage === 'no-plan'))
    await out.line(
      'next: "holdfast protect <resource> --plan <plan>" backs one up; "holdfast plans" has the plans',
    );
  if (vanished.length === 0) return;
  await out.line();
  await out.line('was backed up, and has no tag any more');
  await out.table(
    [resources('RESOURCE'), times('LAST POINT'), times('KEPT UNTIL')],
    vanished.map(({ resourceArn, sourceTime, expiresAt }) => [resourceArn, sourceTime, expiresAt]),
  );
}

/** Counts for people: what has data and no plan comes first. */
function coverageText(items: readonly CoveredItem[]): string {
  const of = (wanted: CoveredItem['coverage']) => items.filter(({ coverage }) => coverage === wanted);
  const open = of('no-plan');
  const planned = of('backed-up');
  const size = open.length === 0 ? '' : ` (${openBytesText(open)})`;
  const waiting = planned.filter(isOpen).length;
  return (
    `coverage   ${countText(open.length, 'resource')} with data${size} and no plan, ` +
    `${planned.length - waiting} backed up, ${waiting === 0 ? '' : `${waiting} with a plan and unprotected, `}${of('unsupported').length} of kinds that are not supported`
  );
}
