import {
  countExclusivePacks,
  findDecidingPlan,
  InvalidInputError,
  openVault,
  PointReader,
  previewRetention,
  type Catalog,
  type ExclusivePacks,
  type PointRow,
  type ResourceArn,
  type RetentionChange,
} from '@holdfast/engine';
import { type Plans, retentionBounds, RetentionRules } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { getDeployedPlans, resolvePlan } from '../names/deployed-plans.ts';
import { isImage } from '../names/open-point.ts';
import { resolveResourceArn } from '../names/resolve.ts';
import { ids, pointDigits, resources, states, times, wideOnly } from '../terminal/table.ts';
import { bytesText, countText } from '../terminal/text.ts';
import { numberOption } from '../terminal/options.ts';

const Reasons = z.array(z.enum(['daily', 'weekly', 'monthly', 'yearly', 'days', 'minimum', 'clean', 'hold']));
const Previewed = documentAnswer(
  'always',
  z.strictObject({
    plan: z.string(),
    rules: RetentionRules,
    newRules: RetentionRules,
    points: z.array(
      z.strictObject({
        pointId: z.string(),
        resourceArn: z.string(),
        sourceTime: Time,
        expiresAt: Time,
        until: Time,
        reasons: Reasons,
        newUntil: Time,
        newReasons: Reasons,
        verdict: z.enum(['same', 'longer', 'shorter']),
      }),
    ),
    frees: z.strictObject({ packs: WholeNumber, bytes: WholeNumber, unknownPacks: WholeNumber }),
  }),
);

interface Preview {
  readonly plan: string;
  readonly rules: RetentionRules;
  readonly newRules: RetentionRules;
  readonly changes: readonly RetentionChange[];
  readonly frees: ExclusivePacks;
}

export const retentionPreviewCommand = defineCommand({
  name: 'retention preview',
  summary:
    'Show which points other retention rules would keep and drop, and the bytes that it frees. Changes nothing.',
  answers: { previewed: Previewed },
  declare: (command) =>
    command
      .argument('<plan>')
      .option('--resource <name>', 'only the points of this resource')
      .addOption(
        numberOption(
          '--keep-days <n>',
          'every point for so many days; the deployed rule where an option is left out',
          retentionBounds.keepDays,
        ),
      )
      .addOption(
        numberOption('--daily <n>', 'the first point of each of so many days', retentionBounds.daily),
      )
      .addOption(numberOption('--weekly <n>', 'likewise', retentionBounds.weekly))
      .addOption(numberOption('--monthly <n>', 'likewise', retentionBounds.monthly))
      .addOption(numberOption('--yearly <n>', 'likewise', retentionBounds.yearly))
      .addOption(
        numberOption(
          '--minimum-points <n>',
          'the newest points that are kept whatever their age',
          retentionBounds.minimumPoints,
        ),
      )
      .option('--time-zone <zone>', 'whose days, weeks, months and years count, for example Europe/Vienna'),
  async run(context, { resource, ...changes }, planName) {
    const connection = await context.connect();
    const plans = await getDeployedPlans(connection);
    const { name, retention } = resolvePlan(plans, planName);
    const newRules = { ...retention, ...changes };
    const preview = await compare(
      connection,
      plans,
      context,
      { plan: name, rules: retention, newRules },
      resource,
    );
    if (context.out.json) await context.out.answer(Previewed, documentOf(preview));
    else await print(preview, context);
  },
});

async function compare(
  connection: Connection,
  plans: Plans,
  { clock, signal }: CommandContext,
  asked: Pick<Preview, 'plan' | 'rules' | 'newRules'>,
  only: string | undefined,
): Promise<Preview> {
  const { catalog } = connection.services;
  const changes: RetentionChange[] = [];
  for (const arn of await listResources(catalog, only)) {
    const points = await Array.fromAsync(catalog.points.list(arn));
    const decides = await findDecidingPlan(catalog, plans, arn, points[0]);
    if (decides?.name === asked.plan)
      changes.push(...previewRetention(points, asked.rules, asked.newRules, clock.now()));
    else if (only !== undefined) {
      throw new InvalidInputError(
        `about resource ${arn} decides plan "${decides?.name ?? 'none'}", not "${asked.plan}"; preview that plan`,
      );
    }
  }
  const shorter = changes.filter(({ verdict }) => verdict === 'shorter').map(({ point }) => point);
  const frees = await countFreed(connection, shorter, signal);
  return { ...asked, changes, frees };
}

/** Lists resources by their points, which outlive the row of their resource. */
async function listResources(catalog: Catalog, only: string | undefined): Promise<readonly ResourceArn[]> {
  if (only !== undefined) return [await resolveResourceArn(catalog, only)];
  const arns = new Set<ResourceArn>();
  for await (const { resourceArn } of catalog.points.listExpiring({})) arns.add(resourceArn);
  return [...arns].toSorted();
}

/** False for an image of snapshots alone. */
function hasPacks(point: PointRow): boolean {
  return !isImage(point) || point.hasBlocks === true;
}

async function countFreed(
  { services }: Connection,
  dropped: readonly PointRow[],
  signal: AbortSignal,
): Promise<ExclusivePacks> {
  const withPacks = dropped.filter(hasPacks);
  if (withPacks.length === 0) return { packs: 0, bytes: 0, unknownPacks: 0 };
  const { catalog, store, keyring } = services;
  const keys = await openVault({ store, keyring });
  const droppedIds = new Set(withPacks.map(({ pointId }) => pointId));
  const open = async (point: PointRow): Promise<PointReader> =>
    PointReader.open(store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  const readers = async function* (points: AsyncIterable<PointRow> | Iterable<PointRow>, isDropped: boolean) {
    for await (const point of points) {
      if (!hasPacks(point) || droppedIds.has(point.pointId) !== isDropped) continue;
      yield await open(point);
    }
  };
  return countExclusivePacks(
    catalog,
    readers(withPacks, true),
    readers(catalog.points.listExpiring({}), false),
    signal,
  );
}

function documentOf({ plan, rules, newRules, changes, frees }: Preview) {
  return {
    plan,
    rules,
    newRules,
    points: changes.map(({ point, ...change }) => ({
      pointId: point.pointId,
      resourceArn: point.resourceArn,
      sourceTime: point.sourceTime,
      expiresAt: point.expiresAt,
      ...change,
    })),
    frees,
  };
}

async function print({ plan, changes, frees }: Preview, { out }: CommandContext): Promise<void> {
  await out.table(
    [
      ids('POINT', pointDigits),
      resources('RESOURCE'),
      times('KEPT'),
      wideOnly('BY'),
      times('THEN'),
      'BY',
      states('CHANGE'),
    ],
    changes.map(({ point, until, reasons, newUntil, newReasons, verdict }) => [
      point.pointId,
      point.resourceArn,
      until,
      reasons[0] ?? 'lock',
      newUntil,
      newReasons[0] ?? 'lock',
      verdict,
    ]),
  );
  const count = (verdict: RetentionChange['verdict']): number =>
    changes.filter((change) => change.verdict === verdict).length;
  await out.line(
    `plan ${plan}: ${countText(changes.length, 'point')}: ${count('longer')} kept longer, ` +
      `${count('shorter')} dropped earlier, ${count('same')} as before`,
  );
  const unknown =
    frees.unknownPacks > 0 ? `, and ${countText(frees.unknownPacks, 'pack')} of unknown size` : '';
  await out.line(
    `what only the dropped points need: ${bytesText(frees.bytes)} in ${countText(frees.packs, 'pack')}${unknown}, ` +
      'freed once their leases end',
  );
}
