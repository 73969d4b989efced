import {
  measureUsage,
  measureVault,
  openVault,
  type PlanUsage,
  type ResourceArn,
  type ResourceUsage,
  type Usage,
  type UsageAmounts,
  type VaultUsage,
} from '@holdfast/engine';
import { pricesAsOf, ResourceKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { dollarsText, pricesText } from '../names/archived-point.ts';
import { resolvePlanOrResource } from '../names/plan-or-resource.ts';
import type { Output } from '../terminal/output.ts';
import { resources as resourceColumn, right } from '../terminal/table.ts';
import { bytesText, countText } from '../terminal/text.ts';

const Dollars = z.number();
const amountShape = {
  points: WholeNumber,
  logicalBytes: z.number(),
  ownBytes: z.number(),
  sharedBytes: z.number(),
  partBytes: z.number(),
  dollars: Dollars,
  awsBackupDollars: Dollars,
};
const Measured = documentAnswer(
  'always',
  z.strictObject({
    resources: z.array(
      z.strictObject({
        resourceArn: z.string(),
        kind: ResourceKind,
        plan: z.string(),
        ...amountShape,
        newestBytes: WholeNumber,
        pointsInSnapshots: WholeNumber,
        pointsUnread: WholeNumber,
        changedPerDay: z.number().optional(),
        steady: z
          .strictObject({
            afterDays: z.number(),
            points: z.number(),
            storedBytes: z.number(),
            dollars: Dollars,
            awsBackupDollars: Dollars,
          })
          .optional(),
      }),
    ),
    plans: z.array(z.strictObject({ plan: z.string(), resources: WholeNumber, ...amountShape })),
    countedShare: z.number(),
    packsUnknown: WholeNumber,
    /** Absent where a resource or plan is named. */
    vault: z
      .strictObject({ packs: z.number(), bytes: z.number(), unneededBytes: z.number(), dollars: Dollars })
      .optional(),
    /** Absent for a vault in a directory. */
    pricesAsOf: z.string().optional(),
  }),
);

export const usageCommand = defineCommand({
  name: 'usage',
  summary: 'Say what is stored, for which resource and plan, and what it costs a month.',
  answers: { measured: Measured },
  declare: (command) => command.argument('[resource|plan]'),
  async run(context, _options, name) {
    const connection = await context.connect();
    const { services, deployment } = connection;
    const plans = await deployment.findPlans();
    const resources = new Set<ResourceArn>();
    // Points outlive the rows of their resources.
    for await (const { resourceArn } of services.catalog.points.listExpiring({})) resources.add(resourceArn);
    const wanted = name === undefined ? undefined : await resolvePlanOrResource(connection, plans, name);
    const usage = await measureUsage(
      { ...services, keys: await openVault(services) },
      [...resources].sort(),
      {
        plans,
        now: context.clock.now(),
        onProgress: context.progress.report,
        signal: context.signal,
      },
    );
    const isWanted = ({ resourceArn, plan }: { resourceArn?: ResourceArn; plan: string }): boolean =>
      wanted === undefined || ('plan' in wanted ? plan === wanted.plan : resourceArn === wanted.resourceArn);
    const shown = {
      resources: usage.resources.filter(isWanted).toSorted((a, b) => b.partBytes - a.partBytes),
      plans: usage.plans.filter(({ plan }) => isWanted({ plan })),
    };
    const vault =
      wanted === undefined ? await measureVault(services.catalog.packs, usage.resources) : undefined;
    const isLocal = connection.localVault !== undefined;
    if (context.out.json)
      await context.out.answer(Measured, {
        ...usage,
        ...shown,
        vault,
        pricesAsOf: isLocal ? undefined : pricesAsOf,
      });
    else await print({ ...usage, ...shown }, vault, isLocal, context);
  },
});

async function print(
  { resources, plans, countedShare, packsUnknown }: Usage,
  vault: VaultUsage | undefined,
  isLocal: boolean,
  { out }: CommandContext,
): Promise<void> {
  const money = (dollars: number | undefined): string =>
    isLocal || dollars === undefined ? '-' : dollarsText(dollars);
  const cells = (one: Amounts): readonly string[] => [
    String(one.points),
    bytesText(one.logicalBytes),
    bytesText(one.ownBytes),
    bytesText(one.sharedBytes),
    one.partBytes === 0 ? '-' : (one.logicalBytes / one.partBytes).toFixed(1),
    money(one.dollars),
    money(one.awsBackupDollars),
  ];
  const columns = ['POINTS', 'LOGICAL', 'OWN', 'SHARED', 'RATIO', 'A MONTH', 'AWS BACKUP'].map(right);
  await out.table(
    [resourceColumn('RESOURCE'), ...columns, right('STEADY')],
    resources.map((one) => [one.resourceArn, ...cells(one), money(one.steady?.dollars)]),
  );
  await out.line();
  await out.table(
    ['PLAN', ...columns],
    plans.map((one) => [one.plan, ...cells(one)]),
  );
  await printNotes(resources, { countedShare, packsUnknown }, isLocal, out);
  if (vault !== undefined) await printVault(vault, isLocal, out);
}

type Amounts = UsageAmounts & Pick<ResourceUsage | PlanUsage, 'points' | 'logicalBytes' | 'awsBackupDollars'>;

async function printVault(vault: VaultUsage, isLocal: boolean, out: Output): Promise<void> {
  const price = isLocal ? '' : `, ${dollarsText(vault.dollars)} a month`;
  await out.line(
    `vault      ${bytesText(vault.bytes)} in ${countText(Math.round(vault.packs), 'pack')}${price}; ` +
      `${bytesText(vault.unneededBytes)} of it is needed by no point, and goes when its leases have ended`,
  );
}

async function printNotes(
  resources: readonly ResourceUsage[],
  { countedShare, packsUnknown }: Pick<Usage, 'countedShare' | 'packsUnknown'>,
  isLocal: boolean,
  out: Output,
): Promise<void> {
  const inSnapshots = resources.reduce((sum, one) => sum + one.pointsInSnapshots, 0);
  await out.line();
  if (packsUnknown > 0)
    await out.line(
      `unknown    ${countText(packsUnknown, 'pack')} that points need are not in the catalog: run "holdfast catalog rebuild", then "holdfast verify"`,
    );
  const unread = resources.reduce((sum, one) => sum + one.pointsUnread, 0);
  if (unread > 0)
    await out.line(
      `unread     ${countText(unread, 'point')} cannot be read, and what they need is not in these numbers: see "holdfast verify"`,
    );
  if (inSnapshots > 0)
    await out.line(
      `snapshots  ${countText(inSnapshots, 'point')} of images are EBS snapshots alone, which EBS bills, and which are not in these numbers`,
    );
  if (countedShare < 1)
    await out.line(
      `sample     one pack in ${Math.round(1 / countedShare)} was counted, and stands for the others`,
    );
  if (!isLocal) await out.line(`prices     ${pricesText}, without runs, requests and free tiers`);
}
