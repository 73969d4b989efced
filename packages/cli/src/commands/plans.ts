import {
  type ResourceStanding,
  type RunRow,
  runStates,
  type RunState,
  standings as allStandings,
} from '@holdfast/engine';
import { BackupType, findNextRun, Plan, type Plans } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { getDeployedPlans, resolvePlan } from '../names/deployed-plans.ts';
import { judgeAll } from '../names/resource-standing.ts';
import { prose, resources, right, times, words } from '../terminal/table.ts';
import { countText, durationText, timeInZone } from '../terminal/text.ts';

/** Runs that are looked at for the last results of a plan, the newest first. */
const mostRuns = 2000;

const Reported = documentAnswer(
  'always',
  z.strictObject({
    plans: z.array(
      z.strictObject({
        ...Plan.shape,
        /** Resources of the plan, by how they stand. */
        resources: z.record(z.enum(allStandings), WholeNumber),
        hasMoreRuns: z.boolean(),
        rules: z.array(
          z.strictObject({
            type: BackupType,
            schedule: z.string(),
            timeZone: z.string(),
            nextRunAt: Time.optional(),
            lastStartedAt: Time.optional(),
            lastStates: z.partialRecord(z.enum(runStates), WholeNumber),
          }),
        ),
      }),
    ),
    withoutPlan: z.array(z.strictObject({ resourceArn: z.string(), plan: z.string() })),
  }),
);

/** A rule of a plan: one type and its schedule. */
interface Rule {
  readonly type: BackupType;
  readonly schedule: string;
  readonly timeZone: string;
  /** Absent where only the scheduler knows. */
  readonly nextRunAt: Date | undefined;
  readonly lastStartedAt: Date | undefined;
  /** Ends of the last run of each resource, or that it goes on. */
  readonly lastStates: Readonly<Partial<Record<RunState, number>>>;
}

interface PlanReport {
  readonly plan: Plan;
  readonly standings: Readonly<Record<ResourceStanding['standing'], number>>;
  readonly rules: readonly Rule[];
  /** There are more runs than were looked at: a rule without one among them may have run before. */
  readonly hasMoreRuns: boolean;
}

export const plansCommand = defineCommand({
  name: 'plans',
  summary: 'List the deployed plans: when each backs up next, what, and how the last runs ended.',
  answers: { reported: Reported },
  declare: (command) => command.argument('[plan]'),
  async run(context, _options, name) {
    const connection = await context.connect();
    const plans = await getDeployedPlans(connection);
    const wanted = name === undefined ? plans : [resolvePlan(plans, name)];
    const judged = await judgeAll(connection.services.catalog, plans, context.clock.now());
    const reports: PlanReport[] = [];
    for (const plan of wanted) reports.push(await readReport(plan, judged, connection, context));
    const astray = name === undefined ? judged.filter(({ resource }) => isAstray(resource, plans)) : [];
    if (context.out.json) await context.out.answer(Reported, documentOf(reports, astray));
    else await print(reports, astray, context);
  },
});

/** Its tag names a plan that is not deployed, so that no schedule backs it up. */
function isAstray({ kind, plan }: ResourceStanding['resource'], plans: Plans): boolean {
  return kind !== 'directory' && plans.every((deployed) => deployed.name !== plan);
}

async function readReport(
  plan: Plan,
  judged: readonly ResourceStanding[],
  { services }: Connection,
  { clock }: CommandContext,
): Promise<PlanReport> {
  const standings = { protected: 0, degraded: 0, overdue: 0, unprotected: 0 };
  for (const { resource, standing } of judged) if (resource.plan === plan.name) standings[standing] += 1;
  const runs: RunRow[] = [];
  for await (const run of services.catalog.runs.list({ plan: plan.name })) {
    runs.push(run);
    if (runs.length === mostRuns) break;
  }
  const rules = BackupType.options.flatMap((type): Rule[] => {
    const schedule = plan.schedules[type];
    if (schedule === undefined) return [];
    const { expression, timeZone } = schedule;
    const nextRunAt = findNextRun(plan, type, clock.now());
    return [{ type, schedule: expression, timeZone, nextRunAt, ...lastOf(runs, type) }];
  });
  return { plan, standings, rules, hasMoreRuns: runs.length === mostRuns };
}

/** @param runs - the newest first. */
function lastOf(runs: readonly RunRow[], type: BackupType): Pick<Rule, 'lastStartedAt' | 'lastStates'> {
  const last = new Map<string, RunRow>();
  for (const run of runs)
    if (run.requestedType === type && !last.has(run.resourceArn)) last.set(run.resourceArn, run);
  const lastStates: Partial<Record<RunState, number>> = {};
  for (const { state } of last.values()) lastStates[state] = (lastStates[state] ?? 0) + 1;
  return { lastStartedAt: last.values().next().value?.startedAt, lastStates };
}

function documentOf(reports: readonly PlanReport[], astray: readonly ResourceStanding[]) {
  return {
    plans: reports.map(({ plan, standings, rules, hasMoreRuns }) => ({
      ...plan,
      resources: standings,
      hasMoreRuns,
      rules,
    })),
    withoutPlan: astray.map(({ resource }) => ({ resourceArn: resource.arn, plan: resource.plan })),
  };
}

async function print(
  reports: readonly PlanReport[],
  astray: readonly ResourceStanding[],
  { out, clock }: CommandContext,
): Promise<void> {
  for (const [at, { plan, standings, rules, hasMoreRuns }] of reports.entries()) {
    if (at > 0) await out.line();
    const count = Object.values(standings).reduce((sum, one) => sum + one, 0);
    await out.line(
      `${plan.name}: ${countText(count, 'resource')}${countsText(standings, ': ')}; RPO ${durationText(plan.rpoHours * 3600)}`,
    );
    await out.table(
      [words('TYPE'), words('NEXT RUN'), right('IN'), times('LAST RUN'), prose('ENDED')],
      rules.map(({ type, schedule, timeZone, nextRunAt, lastStartedAt, lastStates }) => [
        type,
        nextRunAt === undefined ? schedule : timeInZone(nextRunAt, timeZone),
        nextRunAt === undefined ? '-' : durationText((nextRunAt.getTime() - clock.now().getTime()) / 1000),
        lastStartedAt,
        countsText(lastStates) || (hasMoreRuns ? `not in its last ${mostRuns} runs` : 'never ran'),
      ]),
    );
  }
  if (astray.length === 0) return;
  await out.line();
  await out.line('tagged with a plan that is not deployed, and not backed up');
  await out.table(
    [resources('RESOURCE'), 'PLAN'],
    astray.map(({ resource }) => [resource.arn, resource.plan]),
  );
}

/** Counts above zero: `2 completed, 1 failed`. */
function countsText(counts: Readonly<Record<string, number>>, before = ''): string {
  const named = Object.entries(counts).filter(([, count]) => count > 0);
  return named.length === 0 ? '' : before + named.map(([name, count]) => `${count} ${name}`).join(', ');
}
