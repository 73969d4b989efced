import {
  defaultShardLimits,
  findCleanPoint,
  findThaw,
  isDegraded,
  planSomeRestore,
  PointReader,
  type PointThaw,
  type PointRow,
  quoteThaw,
  readRoot,
  RestorePlanning,
  type RestoreQuote,
  type RestoreRow,
  type Root,
  thawPoint,
  SnapshotMissingError,
  unreadOf,
} from '@holdfast/engine';
import { type DegradedPoint, RestoreRequest, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepServices } from '../runtime/services.ts';
import { defineStep } from '../runtime/define-step.ts';
import { parseInput } from '../runtime/parse-input.ts';
import { findJson, putJson } from '../runtime/work-json.ts';
import { chooseTarget, type ChosenTarget } from './choose-target.ts';
import { findPointFor } from './find-point.ts';
import { ThawOverdueError } from './thaw-overdue-error.ts';
import { restoreFiles, restoreIdOf, type RestoreJob } from './restore-job.ts';
import { restoreSteps } from './steps.ts';

/** Ample room for a file, which takes milliseconds. */
const handOnBeforeMs = 60_000;
/** Number of looks at a thawing point over the longest time that it may take. */
const thawLooks = 20;

/** The person's own input comes as it is: its errors should speak of it, not of an event. */
const PlanRestoreInput = z.object({ request: z.unknown(), execution: z.string().min(1) });

const Planning = z.object({ pointId: z.string(), planning: RestorePlanning });

/** A restore that can begin, or for a dry run: what it would be. */
export interface PlanRestoreOutput {
  readonly restoreId: string;
  /**
   * `thaw`: the point is on its way out of the archive; plan again after `thaw.waitSeconds`. `directory`: the restore is
   * on the audit log and can be read, and the rest is the caller's. `unfinished`: the time of the call was up; plan on.
   */
  readonly mode: 'files' | 'volumes' | 'directory' | 'dry-run' | 'thaw' | 'unfinished';
  readonly point: { readonly id: string; readonly sourceTime: string; readonly resource: string };
  /** Set for a point that could not read everything: to be read before the restore is relied on. */
  readonly degraded?: DegradedPoint;
  readonly target: string;
  /** For volumes, their number and size. Absent in the modes `directory` and `unfinished`. */
  readonly quote?: RestoreQuote | { readonly volumes: number; readonly bytes: number };
  /** The thaw that makes an archived point readable; until then the quote counts the whole point. */
  readonly thaw?: Exclude<PointThaw, { state: 'readable' }> & {
    readonly waitSeconds: number;
    readonly readableBy: string;
  };
  readonly shards: { readonly bucket: string; readonly key: string; readonly count: number };
}

type Services = StepServices<(typeof restoreSteps)['plan-restore']['needs']>;

/**
 * Checks everything that can be known before the first byte is written, then plans a restore, as far as the time of one
 * call goes. Repeatable. Its state lies in the work bucket.
 */
export const planRestoreStep = defineStep(
  restoreSteps,
  'plan-restore',
  PlanRestoreInput,
  async (services, { request, execution }, { timeLeftMs }): Promise<PlanRestoreOutput> => {
    const { work, workBucket, log } = services;
    const input = parseInput(
      RestoreRequest,
      request,
      'the restore',
      'docs/restore-input.schema.json has examples',
    );
    const restoreId = restoreIdOf(execution);
    // A time may mean another point after a thaw: it stays the point that is on the log.
    const begun = input.dryRun ? undefined : await services.catalog.restores.find(restoreId);
    const row = await findPointFor(services, begun === undefined ? input : { point: begun.pointId });
    const keys = await services.openKeys();
    const { root } = await readRoot(services.store, keys, row.resourceArn, row.pointId, row.rootVersionId);
    const degraded = await describeDegraded(services, root);
    if (degraded !== undefined)
      log.warn('the point is degraded', { restoreId, point: root.point, reason: degraded.meaning });
    const withDegraded = (output: PlanRestoreOutput): PlanRestoreOutput => ({
      ...output,
      degraded,
    });
    const machineName = restoreFiles.machine(restoreId);
    if (root.image?.machine !== undefined) await putJson(work, machineName, root.image.machine);
    const target = chooseTarget(root, input, {
      buckets: services.targetBuckets,
      ownBuckets: [services.vaultBucket, workBucket],
      region: services.region,
      machineFile: `s3://${workBucket}/${machineName}`,
    });
    const thaw = input.dryRun
      ? await findThaw(services.store, root, input.thaw)
      : await thawPoint(services.store, root, input.thaw);
    if (thaw.state !== 'readable')
      return withDegraded(
        await awaitThaw(services, { restoreId, execution, dryRun: input.dryRun, row, root, target, thaw }),
      );
    if (target.kind === 'directory' && !input.dryRun)
      return withDegraded(await record(services, { restoreId, execution, row, root, target }));
    const keysOfSnapshots = target.kind === 'volumes' ? await findSnapshots(services, target) : {};
    const shouldStop = () => timeLeftMs() < handOnBeforeMs;
    const plan =
      target.kind === 'volumes'
        ? planVolumes(target)
        : await planFiles(
            services,
            new PointReader(services.store, keys, root),
            restoreId,
            target,
            input.paths,
            shouldStop,
          );

    const key = restoreFiles.shards(restoreId);
    const place = {
      restoreId,
      point: { id: root.point, sourceTime: root.sourceTime, resource: root.resource },
      target: describe(target),
      shards: { bucket: workBucket, key, count: plan?.shards.length ?? 0 },
    };
    if (plan === undefined) return withDegraded({ ...place, mode: 'unfinished' });
    const { quote, shards } = plan;
    const output = { ...place, quote };
    if (input.dryRun || target.kind === 'directory') return withDegraded({ ...output, mode: 'dry-run' });
    await putJson(work, key, shards);
    await putJson(work, restoreFiles.job(restoreId), {
      restoreId,
      pointId: root.point,
      resourceArn: root.resource,
      rootVersionId: row.rootVersionId,
      target: target.kind === 'volumes' ? { ...target, keys: keysOfSnapshots } : target,
      paths: input.paths,
      overwrite: input.overwrite,
      shardCount: shards.length,
      degraded,
    } satisfies RestoreJob);
    await putRow(services, restoreId, execution, row, root, output.target);
    log.info('planned the restore', { restoreId, point: root.point, shards: shards.length });
    return withDegraded({ ...output, mode: target.kind === 'volumes' ? 'volumes' : 'files' });
  },
);

async function describeDegraded(
  { catalog, clock }: Services,
  root: Root,
): Promise<DegradedPoint | undefined> {
  if (!isDegraded(root)) return undefined;
  const place = { resourceArn: root.resource, sourceTime: new Date(root.sourceTime) };
  const clean = await findCleanPoint(catalog, place, clock.now());
  const unread = unreadOf(root);
  const instead =
    clean === undefined
      ? 'the resource has no clean point'
      : `to restore what lacks nothing, name the point ${clean.pointId} of ${clean.sourceTime.toISOString()}`;
  return {
    unread,
    ...(clean && { cleanPoint: clean.pointId }),
    meaning:
      `of point ${root.point}, ${unread.carried + unread.missing} entries could not be read: it lacks ${unread.missing}, ` +
      `and has ${unread.carried} as earlier points do; ${instead}`,
  };
}

/** Puts on record a restore that the caller's own process does, which is the machine's only part in it. */
async function record(
  services: Services,
  restore: {
    readonly restoreId: string;
    readonly execution: string;
    readonly row: PointRow;
    readonly root: Root;
    readonly target: ChosenTarget;
  },
): Promise<PlanRestoreOutput> {
  const { catalog, clock, log, workBucket } = services;
  const { restoreId, execution, row, root } = restore;
  const target = describe(restore.target);
  const known = await putRow(services, restoreId, execution, row, root, target);
  if (known.state === 'running')
    await catalog.restores.put({ ...known, state: 'recorded', endedAt: clock.now() });
  log.info('recorded the restore', { restoreId, point: root.point });
  return {
    restoreId,
    mode: 'directory',
    point: { id: root.point, sourceTime: root.sourceTime, resource: root.resource },
    target,
    shards: { bucket: workBucket, key: restoreFiles.shards(restoreId), count: 0 },
  };
}

/** Says how long a point takes to be thawed; one that is only asked about is left frozen. */
async function awaitThaw(
  services: Services,
  restore: {
    readonly restoreId: string;
    readonly execution: string;
    readonly dryRun: boolean;
    readonly row: PointRow;
    readonly root: Root;
    readonly target: ChosenTarget;
    readonly thaw: Exclude<PointThaw, { state: 'readable' }>;
  },
): Promise<PlanRestoreOutput> {
  const { restoreId, execution, dryRun, row, root, thaw } = restore;
  const target = describe(restore.target);
  const known = dryRun ? undefined : await putRow(services, restoreId, execution, row, root, target);
  const since = known?.startedAt ?? services.clock.now();
  const readableBy = new Date(since.getTime() + thaw.seconds * 1000).toISOString();
  if (!dryRun && services.clock.now().getTime() - since.getTime() > thaw.seconds * 1000 * safety.thawPatience)
    throw new ThawOverdueError(root.point, thaw.objectName, readableBy);
  services.log.info('the point is being thawed', { restoreId, point: root.point, readableBy });
  return {
    restoreId,
    mode: dryRun ? 'dry-run' : 'thaw',
    point: { id: root.point, sourceTime: root.sourceTime, resource: root.resource },
    target,
    quote: quoteThaw(
      root,
      thaw,
      restore.target.kind === 'directory'
        ? { workers: 1, isLocal: true }
        : { workers: services.restoreWorkers },
    ),
    thaw: { ...thaw, waitSeconds: Math.ceil(thaw.seconds / thawLooks), readableBy },
    shards: { bucket: services.workBucket, key: restoreFiles.shards(restoreId), count: 0 },
  };
}

/** @returns `undefined` when another call has to go on. */
async function planFiles(
  { checkBucket, restoreWorkers: workers, work, log }: Services,
  reader: PointReader,
  restoreId: string,
  target: Exclude<ChosenTarget, { kind: 'volumes' }>,
  paths: readonly string[] | undefined,
  shouldStop: () => boolean,
) {
  if (target.kind === 'bucket') await checkBucket(target.bucket);
  const pointId = reader.root.point;
  const before = await findJson(work, restoreFiles.planning(restoreId), Planning);
  const step = await planSomeRestore(
    reader,
    {
      paths,
      limits: defaultShardLimits,
      // The caller's process does all of it alone.
      ...(target.kind === 'directory' ? { workers: 1, isLocal: true } : { workers }),
      shouldStop,
    },
    // A time may mean another point than before.
    before?.pointId === pointId ? before.planning : undefined,
  );
  if (step.done) return step.plan;
  await putJson(work, restoreFiles.planning(restoreId), { pointId, planning: step.planning });
  log.info('planned a part of the restore', { restoreId, files: step.planning.total.files });
  return undefined;
}

/**
 * Looks whether the snapshots of an image are there.
 * @returns the keys that they are encrypted with, by snapshot.
 */
async function findSnapshots(
  { images }: Services,
  { snapshots }: Extract<ChosenTarget, { kind: 'volumes' }>,
): Promise<Readonly<Record<string, string>>> {
  const ids = snapshots.map(({ snapshot }) => snapshot);
  const found = await images.describeSnapshots(ids);
  const existing = new Set(found.map(({ snapshotId }) => snapshotId));
  const gone = snapshots.find(({ snapshot }) => !existing.has(snapshot));
  if (gone !== undefined) throw new SnapshotMissingError(gone.snapshot, gone.volume);
  return Object.fromEntries(
    found.flatMap(({ snapshotId, kmsKeyId }) => (kmsKeyId === undefined ? [] : [[snapshotId, kmsKeyId]])),
  );
}

function planVolumes({ snapshots }: Extract<ChosenTarget, { kind: 'volumes' }>) {
  const gibibytes = snapshots.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0);
  return { quote: { volumes: snapshots.length, bytes: gibibytes * 2 ** 30 }, shards: [] };
}

async function putRow(
  { catalog, clock, audit }: Services,
  restoreId: string,
  execution: string,
  { pointId }: PointRow,
  root: Root,
  target: string,
): Promise<RestoreRow> {
  // A step that is repeated must not open what has been closed since.
  const known = await catalog.restores.find(restoreId);
  if (known !== undefined) return known;
  // The log first: nothing is read for a restore of which there is no trace.
  await audit.append({
    chain: root.resource,
    // With the point: a repetition that finds another one, because this was lost, is on the log as well.
    id: `restore-started ${restoreId} ${pointId}`,
    by: execution,
    event: { kind: 'restore-started', restore: restoreId, point: pointId, target },
  });
  const opened: RestoreRow = {
    restoreId,
    pointId,
    resourceArn: root.resource,
    target,
    state: 'running',
    startedAt: clock.now(),
    execution,
  };
  await catalog.restores.put(opened);
  return opened;
}

function describe(target: ChosenTarget): string {
  if (target.kind === 'directory') return `directory ${target.directory}`;
  return target.kind === 'volumes'
    ? `volumes in ${target.availabilityZone}`
    : `s3://${target.bucket}/${target.prefix}`;
}
