import {
  type Catalog,
  isOfKind,
  type PointRow,
  type QuoteDrift,
  type ResourceArn,
  type ResourceStanding,
  type RestoreRow,
  type RunRow,
} from '@holdfast/engine';
import { dayMs } from '@holdfast/engine/model';
import * as z from 'zod';
import { restoreShape, RunFields } from '../names/row-fields.ts';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { idDigits, ids, prose, resources, right, states, times } from '../terminal/table.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { executionStatuses, type ListedExecution } from '../deployment/executions.ts';
import {
  findVanished,
  openBytesText,
  readCoverage,
  type ReadCoverage,
  UnknownParts,
} from '../names/read-coverage.ts';
import { StandingFields, standingFields, watchAll } from '../names/resource-standing.ts';
import { type SuspectPoint, suspectText, SuspicionFields, suspicionFields } from '../names/suspect-point.ts';
import { driftShape, driftText, findDrift } from '../quote/quote-drift.ts';
import { bytesText, countText, durationText, shortNameOf } from '../terminal/text.ts';

const cyclesShown = 5;
const restoresShown = 10;
/** Names of resources in a line. */
const namesShown = 5;
/** Days of which restores are looked at. */
const restoreDays = 14;

const Shown = documentAnswer(
  'always',
  z.strictObject({
    vault: z.strictObject({ bucket: z.string(), region: z.string() }),
    plansKnown: z.boolean(),
    /** Absent where they are not known. */
    restoreBuckets: z.array(z.string()).optional(),
    resources: z.strictObject({
      total: WholeNumber,
      protected: WholeNumber,
      degraded: WholeNumber,
      overdue: WholeNumber,
      unprotected: WholeNumber,
    }),
    /** Those that are not protected. */
    attention: z.array(StandingFields),
    /** Absent where they are not known. */
    cycles: z
      .array(
        z.strictObject({
          name: z.string(),
          status: z.enum(executionStatuses),
          startedAt: Time,
          endedAt: Time.optional(),
        }),
      )
      .optional(),
    failures: z.array(RunFields),
    restores: z.array(z.strictObject(restoreShape)),
    /** Absent for a vault in a directory. */
    coverage: z.strictObject({ withoutPlan: z.array(z.string()), unknown: UnknownParts }).optional(),
    suspects: z.array(
      z.strictObject({
        resourceArn: z.string(),
        pointId: z.string(),
        suspicion: SuspicionFields,
        lastCleanPointId: z.string().optional(),
      }),
    ),
    vanished: z.array(z.string()),
    drifts: z.array(z.strictObject({ resourceArn: z.string(), ...driftShape })),
  }),
);

interface Status {
  readonly judged: readonly ResourceStanding[];
  /** Newest first, or the reason why they are not known. */
  readonly cycles: readonly ListedExecution[] | string;
  /** Last runs that failed, of resources without a good one since. */
  readonly failures: readonly RunRow[];
  /** Quotes of resources that have been backed up since, next to what happened. */
  readonly drifts: readonly { readonly arn: ResourceArn; readonly drift: QuoteDrift }[];
  readonly plansKnown: boolean;
  /** Resources whose newest point speaks of an attack, or comes after one that does. */
  readonly suspects: readonly SuspectPoint[];
  /** Resources of the account that could be backed up; absent for a vault in a directory. */
  readonly coverage: ReadCoverage | undefined;
  /** Newest points of resources that have no tag any more. */
  readonly vanished: readonly PointRow[];
  /** Restores of the last days that are under way or failed, the newest first. */
  readonly restores: readonly RestoreRow[];
  /** Buckets that restores may write to, where they are known. */
  readonly restoreBuckets: readonly string[] | undefined;
}

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'Show whether everything is protected: the vault, the last cycles, what is overdue, what fails.',
  answers: { shown: Shown },
  declare: (command) =>
    command.option('--check', 'exit with 5 when a resource is degraded, overdue, unprotected or suspect'),
  async run(context, { check }) {
    const connection = await context.connect();
    const status = await readStatus(connection, context);
    await context.keepNames({ resources: status.judged.map(({ resource }) => shortNameOf(resource.arn)) });
    if (context.out.json) await context.out.answer(Shown, statusDocument(connection, status));
    else await print(connection, status, context);
    const isGood =
      status.suspects.length === 0 && status.judged.every(({ standing }) => standing === 'protected');
    return check === true && !isGood ? exitCodes.unprotected : exitCodes.ok;
  },
});

async function readStatus(connection: Connection, { clock, signal }: CommandContext): Promise<Status> {
  const { services, executions, deployment, localVault } = connection;
  const { catalog } = services;
  const plans = await deployment.findPlans();
  const now = clock.now();
  const watched = await watchAll(catalog, plans, now);
  const judged = watched.map(({ standing }) => standing);
  const cycles = await executions.list('cycle', cyclesShown).catch((error: unknown) => {
    // A caller who may only read the catalog still gets the rest.
    if (isOfKind(error, 'denied', 'unknown')) return error.message;
    throw error;
  });
  return {
    judged,
    cycles,
    failures: await listFailures(catalog, judged),
    drifts: await listDrifts(catalog, judged),
    plansKnown: plans !== undefined,
    suspects: watched.flatMap(({ suspect }) => suspect ?? []),
    coverage:
      localVault === undefined
        ? await readCoverage(connection, judged, ['buckets', 'machines'], signal)
        : undefined,
    vanished: await findVanished(catalog, judged),
    restores: await listRestores(catalog, now),
    restoreBuckets: await deployment.findRestoreBuckets(),
  };
}

async function listRestores(catalog: Catalog, now: Date): Promise<readonly RestoreRow[]> {
  const restores: RestoreRow[] = [];
  const from = new Date(now.getTime() - restoreDays * dayMs);
  for await (const row of catalog.restores.list({ from }))
    if (['running', 'failed', 'completed-with-failures'].includes(row.state)) restores.push(row);
  return restores;
}

async function listFailures(
  catalog: Catalog,
  judged: readonly ResourceStanding[],
): Promise<readonly RunRow[]> {
  const failures: RunRow[] = [];
  for (const { resource } of judged) {
    if (resource.lastRunState !== 'failed' || resource.lastRunId === undefined) continue;
    const run = await catalog.runs.find(resource.lastRunId);
    if (run !== undefined) failures.push(run);
  }
  return failures;
}

async function listDrifts(catalog: Catalog, judged: readonly ResourceStanding[]): Promise<Status['drifts']> {
  const drifts: Status['drifts'][number][] = [];
  for (const { resource } of judged) {
    const drift = resource.quote === undefined ? undefined : await findDrift(catalog, resource.arn);
    if (drift !== undefined) drifts.push({ arn: resource.arn, drift });
  }
  return drifts;
}

function countStandings(judged: readonly ResourceStanding[]) {
  const counts = { protected: 0, degraded: 0, overdue: 0, unprotected: 0 };
  for (const { standing } of judged) counts[standing] += 1;
  return counts;
}

function statusDocument(
  { deployment }: Connection,
  {
    judged,
    cycles,
    failures,
    drifts,
    plansKnown,
    suspects,
    restores,
    restoreBuckets,
    coverage,
    vanished,
  }: Status,
) {
  return {
    vault: { bucket: deployment.vaultBucket, region: deployment.region },
    plansKnown,
    restoreBuckets,
    resources: { total: judged.length, ...countStandings(judged) },
    attention: judged.filter(({ standing }) => standing !== 'protected').map(standingFields),
    cycles: typeof cycles === 'string' ? undefined : cycles,
    failures,
    restores,
    coverage: coverage && {
      withoutPlan: coverage.items.filter((one) => one.coverage === 'no-plan').map(({ item }) => item.arn),
      unknown: coverage.unknown,
    },
    suspects: suspects.map(({ point, suspicion, clean }) => ({
      resourceArn: point.resourceArn,
      pointId: point.pointId,
      suspicion: suspicionFields(suspicion),
      lastCleanPointId: clean?.pointId,
    })),
    vanished: vanished.map(({ resourceArn }) => resourceArn),
    drifts: drifts.map(({ arn, drift }) => ({ resourceArn: arn, ...drift })),
  };
}

async function print(
  { deployment, localVault }: Connection,
  status: Status,
  { out }: CommandContext,
): Promise<void> {
  const { judged, cycles, failures, plansKnown, restoreBuckets } = status;
  const counts = countStandings(judged);
  const rpoNote = plansKnown ? '' : ' (RPO unknown: the deployment does not name its plans)';
  await out.line(`vault      ${deployment.vaultBucket} (${deployment.region})`);
  await out.line(
    `resources  ${judged.length}: ${counts.protected} protected, ${counts.degraded} degraded, ${counts.overdue} overdue, ${counts.unprotected} unprotected${rpoNote}`,
  );
  const newestBytes = judged.reduce(
    (sum, { newest, resource }) =>
      sum + (resource.partOf === undefined ? (newest?.counts.logicalBytes ?? 0) : 0),
    0,
  );
  await out.line(
    `content    ${bytesText(newestBytes)} in the newest points; "holdfast usage" says what is stored, and what it costs`,
  );
  await out.line(`failing    ${countText(failures.length, 'resource')}`);
  await out.line(
    `restores   ${localVault === undefined ? restoresText(restoreBuckets) : 'into directories'}`,
  );
  await printCoverage(status, out);
  await printAttention(judged, out);
  for (const suspect of status.suspects)
    await out.line(`suspect    ${suspect.point.resourceArn}: ${suspectText(suspect)}`);
  for (const { arn, drift } of status.drifts) await out.line(`quote      ${arn}: ${driftText(drift)}`);
  if (status.restores.length > 0) {
    await out.line();
    await out.line(`restores of ${restoreDays} days that are under way, or did not bring everything back`);
    await out.table(
      [ids('RESTORE', idDigits), states('STATE'), times('STARTED'), 'TARGET'],
      status.restores
        .slice(0, restoresShown)
        .map(({ restoreId, state, startedAt, target }) => [restoreId, state, startedAt, target]),
    );
  }
  if (failures.length > 0) {
    await out.line();
    await out.line('last run failed');
    await out.table(
      [resources('RESOURCE'), ids('RUN', idDigits), times('ENDED'), prose('ERROR')],
      failures.map((run) => [run.resourceArn, run.runId, run.endedAt, run.error?.message]),
    );
  }
  await out.line();
  if (typeof cycles === 'string') return out.line(`last cycles: unknown, ${cycles}`);
  if (cycles.length === 0) return out.line('last cycles: none has run yet');
  await out.line('last cycles');
  await out.table(
    ['CYCLE', states('STATE'), times('STARTED'), right('TOOK')],
    cycles.map(({ name, status: state, startedAt, endedAt }) => [
      name,
      state,
      startedAt,
      endedAt === undefined ? undefined : durationText((endedAt.getTime() - startedAt.getTime()) / 1000),
    ]),
  );
}

async function printCoverage(
  { coverage, vanished }: Pick<Status, 'coverage' | 'vanished'>,
  out: CommandContext['out'],
): Promise<void> {
  if (coverage !== undefined) {
    const open = coverage.items.filter((one) => one.coverage === 'no-plan');
    const unknown = coverage.unknown.map(({ part }) => `; ${part} may not be listed`).join('');
    await out.line(
      open.length === 0
        ? `coverage   every bucket, instance and volume with data has a plan${unknown}`
        : `coverage   ${open.length}${open.length === 1 ? ' bucket, instance or volume' : ' buckets, instances or volumes'} with data (${openBytesText(open)}) and no plan${unknown}: ` +
            '"holdfast coverage" names them',
    );
  }
  if (vanished.length > 0)
    await out.line(
      `vanished   ${countText(vanished.length, 'resource')} with points and no tag: ${vanished
        .slice(0, namesShown)
        .map(({ resourceArn }) => shortNameOf(resourceArn))
        .join(', ')}${vanished.length > namesShown ? ', …' : ''}`,
    );
}

function restoresText(buckets: readonly string[] | undefined): string {
  if (buckets === undefined) return 'into which buckets is unknown: the deployment does not tell';
  if (buckets.length > 0) return `into ${countText(buckets.length, 'bucket')}: ${buckets.join(', ')}`;
  return 'into no bucket: restoreTargets.buckets in lib/plans.ts names none; directories and volumes need no name';
}

async function printAttention(
  judged: readonly ResourceStanding[],
  out: CommandContext['out'],
): Promise<void> {
  const rows = judged.filter(({ standing }) => standing !== 'protected');
  if (rows.length === 0) return;
  await out.line();
  await out.line('degraded, overdue or unprotected');
  await out.table(
    [resources('RESOURCE'), states('STANDING'), right('AGE'), right('RPO'), prose('PROBLEM')],
    rows.map(({ resource, standing, ageHours, rpoHours, problem }) => [
      resource.arn,
      standing,
      ageHours === undefined ? undefined : durationText(ageHours * 3600),
      rpoHours === undefined ? '?' : durationText(rpoHours * 3600),
      problem,
    ]),
  );
}
