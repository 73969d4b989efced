import {
  findSnapshotNeeds,
  NotSupportedError,
  type PointRow,
  type ResourceRow,
  type SnapshotNeeds,
  whySnapshotsStay,
} from '@holdfast/engine';
import { getPlan, isImageKind, Plan, pricesAsOf } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { defineCommand, type CommandContext } from '../terminal/command.ts';
import { dollarsText } from '../names/archived-point.ts';
import { getDeployedPlans } from '../names/deployed-plans.ts';
import { resolveResource } from '../names/resolve.ts';
import { bytesText, countText } from '../terminal/text.ts';

/** Points whose snapshots are spoken of. */
const pointsNamed = 5;

const Explanation = documentAnswer(
  'always',
  z.strictObject({
    resourceArn: z.string(),
    plan: z.string(),
    images: Plan.shape.images.strict(),
    usedBytes: WholeNumber,
    changedShare: z.number(),
    runsAMonth: z.number(),
    keeps: z.boolean(),
    keepDollars: z.number(),
    reReadDollars: z.number(),
    reason: z.string(),
    snapshotsOf: z.array(z.strictObject({ pointId: z.string(), why: z.string() })),
    pricesAsOf: z.string(),
  }),
);

interface Explained {
  readonly resource: ResourceRow;
  readonly plan: Plan;
  readonly needs: SnapshotNeeds;
  readonly stay: readonly { readonly point: PointRow; readonly why: string }[];
}

export const explainCommand = defineCommand({
  name: 'explain',
  summary:
    'Say what becomes of the snapshots of an instance or volume, and why: prices of keeping and of reading again.',
  answers: { explanation: Explanation },
  declare: (command) => command.argument('<volume|instance>'),
  async run(context, _options, name) {
    const connection = await context.connect();
    const { catalog } = connection.services;
    const named = await resolveResource(catalog, name);
    // A volume of an instance that is protected itself is backed up with it.
    const resource = named.partOf === undefined ? named : await resolveResource(catalog, named.partOf);
    if (!isImageKind(resource.kind))
      throw new NotSupportedError(
        `${resource.arn} consists of files, and has no snapshots; name an instance or a volume`,
      );
    const plans = await getDeployedPlans(connection);
    const plan = getPlan(plans, resource.plan);
    const now = context.clock.now();
    const needs = await findSnapshotNeeds(catalog, plan, resource.arn, now);
    const stay: { point: PointRow; why: string }[] = [];
    for await (const point of catalog.points.list(resource.arn)) {
      if (point.type === 'synthetic-full') continue;
      // The days are those of the plan that took them; maintenance leaves alone what it does not know.
      const own = plans.find(({ name: one }) => one === point.plan);
      const why = own
        ? whySnapshotsStay(point, own, needs, now)
        : `the plan ${point.plan} that took them is not deployed`;
      if (why !== undefined) stay.push({ point, why });
      if (stay.length === pointsNamed) break;
    }
    const explained = { resource, plan, needs, stay };
    await (context.out.json
      ? context.out.answer(Explanation, documentOf(explained))
      : print(explained, context));
  },
});

function documentOf({ resource, plan, needs: { use, choice }, stay }: Explained) {
  return {
    resourceArn: resource.arn,
    plan: plan.name,
    images: plan.images,
    ...use,
    ...choice,
    snapshotsOf: stay.map(({ point, why }) => ({ pointId: point.pointId, why })),
    pricesAsOf,
  };
}

async function print(
  { resource, plan, needs: { use, choice }, stay }: Explained,
  { out }: CommandContext,
): Promise<void> {
  const { blocks, baseSnapshot, keepSnapshotsDays, lockSnapshots } = plan.images;
  const days = keepSnapshotsDays === 0 ? '' : `, snapshots kept for ${countText(keepSnapshotsDays, 'day')}`;
  await out.line(`resource   ${resource.arn}`);
  await out.line(
    `plan       ${plan.name}: blocks ${blocks === 'vault' ? 'in the vault' : 'in snapshots alone'}, base snapshot ` +
      `${baseSnapshot}${days}${lockSnapshots ? ', locked' : ''}`,
  );
  if (blocks === 'vault') {
    const share = `${(100 * use.changedShare).toFixed(1)} %`;
    await out.line(
      `blocks     ${use.usedBytes === 0 ? 'not read yet' : `${bytesText(use.usedBytes)} in use`}, of which ${share} changes ` +
        `from run to run; ${use.runsAMonth.toFixed(1)} runs a month read changes`,
    );
    await out.line(`to keep    ${dollarsText(choice.keepDollars)} a month: the snapshot, and what changed`);
    await out.line(`to re-read ${dollarsText(choice.reReadDollars)} a month: all blocks in each run`);
    await out.line(
      `so         ${choice.keeps ? 'the snapshot is kept' : 'no snapshot is kept to compare with'}: ${choice.reason}`,
    );
  }
  for (const { point, why } of stay) await out.line(`snapshots  of ${point.pointId} stay: ${why}`);
  await out.line(`prices     list prices of us-east-1, ${pricesAsOf}`);
}
