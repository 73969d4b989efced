import { withoutUserData } from '@holdfast/aws';
import { ImageSource, lookUpPaths, openPointImage } from '@holdfast/image-files';
import { noteTotal } from '../runtime/part-progress.ts';
import { isDeepStrictEqual } from 'node:util';
import {
  type AmountKnown,
  checkZoneExists,
  findJson,
  putJson,
  defaultShardLimits,
  defaultVolumeShardLimits,
  findCleanPoint,
  findThaw,
  isDegraded,
  listVolumes,
  planSomeEntries,
  planSomeRestore,
  planVolumeShards,
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
  unreadOf,
  VolumePlanning,
  type VolumeSnapshot,
} from '@holdfast/engine';
import {
  type DegradedPoint,
  ebsBlockBytes,
  prices,
  restoreIdOf,
  RestoreRequest,
  safety,
  workerSecondDollars,
  workRates,
} from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepServices } from '../runtime/services.ts';
import { defineStep } from '../runtime/define-step.ts';
import { parseInput } from '../runtime/parse-input.ts';
import { chooseTarget, type ChosenTarget } from './choose-target.ts';
import { findPointFor } from './find-point.ts';
import { ThawOverdueError } from './thaw-overdue-error.ts';
import { chooseWays, placeOfExecution } from './choose-ways.ts';
import { type ImageTarget, restoreFiles, type RestoreJob, WrittenVolume } from './restore-job.ts';
import { restoreSteps } from './steps.ts';

/** Ample room for a file, which takes milliseconds. */
const handOnBeforeMs = 60_000;
/** Number of looks at a thawing point over the longest time that it may take. */
const thawLooks = 20;

/** The person's own input comes as it is: its errors should speak of it, not of an event. */
const PlanRestoreInput = z.object({ request: z.unknown(), execution: z.string().min(1) });

const WaysPlanning = z.object({
  pointId: z.string(),
  written: z.array(WrittenVolume),
  planning: VolumePlanning,
});

/** The longest stretch of a shard that is compared with a parent, which may have blocks where the volume has none. */
const deltaShardBytes = 4 * 2 ** 30;

const Planning = z.object({ pointId: z.string(), planning: RestorePlanning });

/** Volumes and their size; of them, those that are written out of the vault, with the blocks that takes, and its cost. */
interface VolumesQuote {
  readonly volumes: number;
  readonly bytes: number;
  readonly written: number;
  /** Blocks that are written, of a delta at most, and those of parents that are read for it. */
  readonly blocks: number;
  readonly comparedBlocks: number;
  readonly dollars: number;
}

/** A restore that can begin, or for a dry run: what it would be. */
export interface PlanRestoreOutput {
  readonly restoreId: string;
  /**
   * `blocks`: snapshots are written out of the vault, and what `next` says is made of them. `thaw`: the point is on its
   * way out of the archive; plan again after `thaw.waitSeconds`. `directory`: the restore is on the audit log and can be
   * read, and the rest is the caller's. `check-instance`: a machine is asked for, and nothing launched. `unfinished`: the
   * time of the call was up; plan on.
   */
  readonly mode:
    | 'files'
    | 'volumes'
    | 'blocks'
    | 'instance'
    | 'check-instance'
    | 'directory'
    | 'dry-run'
    | 'thaw'
    | 'unfinished';
  /** Only in the mode `blocks`. */
  readonly next?: 'volumes' | 'instance';
  readonly point: { readonly id: string; readonly sourceTime: string; readonly resource: string };
  /** Set for a point that could not read everything: to be read before the restore is relied on. */
  readonly degraded?: DegradedPoint;
  readonly target: string;
  /** Absent in the modes `directory` and `unfinished`. */
  readonly quote?: RestoreQuote | VolumesQuote;
  /** The thaw that makes an archived point readable; until then the quote counts the whole point. */
  readonly thaw?: Exclude<PointThaw, { state: 'readable' }> & {
    readonly waitSeconds: number;
    readonly readableBy: string;
  };
  readonly shards: { readonly bucket: string; readonly key: string; readonly count: number };
}

type Services = StepServices<(typeof restoreSteps)['plan-restore']['needs']>;

interface Restore {
  readonly restoreId: string;
  readonly execution: string;
  readonly request: RestoreRequest;
  readonly row: PointRow;
  readonly root: Root;
  readonly target: ChosenTarget;
}

/**
 * Checks everything that can be known before the first byte is written, then plans a restore, as far as the time of one
 * call goes. Repeatable. Its state lies in the work bucket.
 */
export const planRestoreStep = defineStep(
  restoreSteps,
  'plan-restore',
  PlanRestoreInput,
  async (services, input, { timeLeftMs }): Promise<PlanRestoreOutput> => {
    const { execution } = input;
    const remedy = 'docs/restore-input.schema.json has examples';
    const request = parseInput(RestoreRequest, input.request, 'the restore', remedy);
    const restoreId = restoreIdOf(execution);
    // A time may mean another point after a thaw: it stays the point that is on the log.
    const begun = request.dryRun ? undefined : await services.catalog.restores.find(restoreId);
    const row = await findPointFor(services, begun === undefined ? request : { point: begun.pointId });
    const keys = await services.openKeys();
    const { root } = await readRoot(services.store, keys, row.resourceArn, row.pointId, row.rootVersionId);
    const degraded = await describeDegraded(services, root);
    if (degraded !== undefined)
      services.log.warn('the point is degraded', { restoreId, point: root.point, reason: degraded.meaning });
    const target = await findTarget(services, restoreId, root, request);
    const restore = { restoreId, execution, request, row, root, target };
    const shouldStop = () => timeLeftMs() < handOnBeforeMs;
    const thaw = await (request.dryRun ? findThaw : thawPoint)(services.store, root, request.thaw);
    const output =
      thaw.state !== 'readable'
        ? await awaitThaw(services, restore, thaw)
        : target.kind === 'directory' && !request.dryRun
          ? await record(services, restore)
          : await plan(services, restore, new PointReader(services.store, keys, root), degraded, shouldStop);
    return { ...output, degraded };
  },
);

async function findTarget(
  { images, work, workBucket, ownBuckets, targetBuckets, restoreRoles, tagKey, region }: Services,
  restoreId: string,
  root: Root,
  request: RestoreRequest,
): Promise<ChosenTarget> {
  const machineName = restoreFiles.machine(restoreId);
  const machine = root.image?.machine;
  if (machine !== undefined) await putJson(work, machineName, withoutUserData(machine));
  const target = chooseTarget(root, request, {
    buckets: targetBuckets,
    ownBuckets,
    region,
    machineFile: `s3://${workBucket}/${machineName}`,
    roles: restoreRoles,
    tagKey,
  });
  // EC2 would refuse it only when a volume is ordered, after all of its blocks were written.
  if (target.kind === 'volumes') checkZoneExists(target.availabilityZone, await images.findZones());
  return target;
}

async function plan(
  services: Services,
  restore: Restore,
  reader: PointReader,
  degraded: DegradedPoint | undefined,
  shouldStop: () => boolean,
): Promise<PlanRestoreOutput> {
  const { work, log } = services;
  const { restoreId, request, row, root, target } = restore;
  const planned = isOfImage(target)
    ? await planVolumes(services, reader, restore, target, shouldStop)
    : await planFiles(services, reader, restoreId, target, request.paths, shouldStop);
  if (planned === undefined) return { ...placeOf(services, restore), mode: 'unfinished' };
  const { quote, shards } = planned;
  const output = { ...placeOf(services, restore, shards.length), quote };
  const launches = target.kind === 'instance' || target.kind === 'ami';
  if (target.kind === 'directory' || (request.dryRun && !launches)) return { ...output, mode: 'dry-run' };
  await putJson(work, restoreFiles.shards(restoreId), shards);
  await putJson(work, restoreFiles.job(restoreId), {
    restoreId,
    pointId: root.point,
    resourceArn: root.resource,
    rootVersionId: row.rootVersionId,
    target: 'target' in planned ? planned.target : target,
    paths: 'paths' in planned ? planned.paths : undefined,
    overwrite: request.overwrite,
    notices: 'notices' in planned ? planned.notices : undefined,
    shardCount: shards.length,
    isDryRun: request.dryRun,
    degraded,
  } satisfies RestoreJob);
  if (request.dryRun) return { ...output, mode: 'check-instance' };
  await putRow(services, restore);
  await noteTotal(services, restoreId, amountOf(quote));
  log.info('planned the restore', { restoreId, point: root.point, shards: shards.length });
  if (!isOfImage(target)) return { ...output, mode: 'files' };
  const next = launches ? 'instance' : 'volumes';
  return shards.length > 0 ? { ...output, mode: 'blocks', next } : { ...output, mode: next };
}

/** The sum of all reports in the end; of blocks that are compared with a parent's, at most. */
function amountOf(quote: RestoreQuote | VolumesQuote): AmountKnown {
  return 'files' in quote
    ? { files: quote.files, bytes: quote.bytes }
    : { bytes: quote.blocks * ebsBlockBytes };
}

/** True of a target that is made of snapshots. */
function isOfImage(target: ChosenTarget): target is ImageTarget {
  return target.kind !== 'bucket' && target.kind !== 'directory';
}

function placeOf({ workBucket }: Services, { restoreId, root, target }: Restore, count = 0) {
  return {
    restoreId,
    point: { id: root.point, sourceTime: root.sourceTime, resource: root.resource },
    target: describe(target),
    shards: { bucket: workBucket, key: restoreFiles.shards(restoreId), count },
  };
}

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
    cleanPoint: clean?.pointId,
    meaning:
      `of point ${root.point}, ${unread.carried + unread.missing} entries could not be read: it lacks ${unread.missing}, ` +
      `and has ${unread.carried} as earlier points do; ${instead}`,
  };
}

/** Puts on record a restore that the caller's own process does, which is the machine's only part in it. */
async function record(services: Services, restore: Restore): Promise<PlanRestoreOutput> {
  const { catalog, clock, log } = services;
  const known = await putRow(services, restore);
  if (known.state === 'running')
    await catalog.restores.put({ ...known, state: 'recorded', endedAt: clock.now() });
  log.info('recorded the restore', { restoreId: restore.restoreId, point: restore.root.point });
  return { ...placeOf(services, restore), mode: 'directory' };
}

/** Says how long a point takes to be thawed; one that is only asked about is left frozen. */
async function awaitThaw(
  services: Services,
  restore: Restore,
  thaw: Exclude<PointThaw, { state: 'readable' }>,
): Promise<PlanRestoreOutput> {
  const { clock, log, restoreWorkers } = services;
  const { restoreId, root, target } = restore;
  const { dryRun } = restore.request;
  const known = dryRun ? undefined : await putRow(services, restore);
  const since = known?.startedAt ?? clock.now();
  const readableBy = new Date(since.getTime() + thaw.seconds * 1000).toISOString();
  if (!dryRun && clock.now().getTime() - since.getTime() > thaw.seconds * 1000 * safety.thawPatience)
    throw new ThawOverdueError(root.point, thaw.objectName, readableBy);
  log.info('the point is being thawed', { restoreId, point: root.point, readableBy });
  return {
    ...placeOf(services, restore),
    mode: dryRun ? 'dry-run' : 'thaw',
    quote: quoteThaw(root, thaw, placeOfWork(target, restoreWorkers)),
    thaw: { ...thaw, waitSeconds: Math.ceil(thaw.seconds / thawLooks), readableBy },
  };
}

/** A directory is the caller's, whose process does all of it alone. */
function placeOfWork({ kind }: ChosenTarget, workers: number) {
  return kind === 'directory' ? { workers: 1, isLocal: true } : { workers };
}

/** @returns `undefined` when another call has to go on. */
async function planFiles(
  { checkBucket, restoreWorkers, work, log, blocks }: Services,
  reader: PointReader,
  restoreId: string,
  target: Extract<ChosenTarget, { kind: 'bucket' | 'directory' }>,
  paths: readonly string[] | undefined,
  shouldStop: () => boolean,
) {
  if (target.kind === 'bucket') await checkBucket(target.bucket);
  const pointId = reader.root.point;
  const known = await findJson(work, restoreFiles.planning(restoreId), Planning);
  // A time may mean another point than before.
  const before = known?.pointId === pointId ? known.planning : undefined;
  const options = { limits: defaultShardLimits, ...placeOfWork(target, restoreWorkers), shouldStop };
  const ofImage =
    reader.root.image === undefined || paths === undefined
      ? undefined
      : await openImageFiles(reader, paths, blocks);
  const step =
    ofImage === undefined
      ? await planSomeRestore(reader, { ...options, paths }, before)
      : await planSomeEntries(reader, (range) => ofImage.source.list(range), options, before);
  if (step.done) return { ...step.plan, paths: ofImage?.paths ?? paths?.slice(), notices: ofImage?.notices };
  await putJson(work, restoreFiles.planning(restoreId), { pointId, planning: step.planning });
  log.info('planned a part of the restore', { restoreId, files: step.planning.total.files });
  return undefined;
}

/** The files of an image, by paths as every worker reads them, and reasons to doubt what is there. */
async function openImageFiles(reader: PointReader, asked: readonly string[], blocks: Services['blocks']) {
  const notices: string[] = [];
  const image = openPointImage(reader, {
    openSnapshots: async () => Promise.resolve(blocks),
    onNotice: (notice) => notices.push(notice),
  });
  const paths = await lookUpPaths(image, asked);
  return { source: new ImageSource(image, paths), paths: [...paths], notices };
}

/** @returns `undefined` when another call has to go on. */
async function planVolumes(
  { images, work, log }: Services,
  reader: PointReader,
  { restoreId, execution }: Restore,
  chosen: ImageTarget,
  shouldStop: () => boolean,
) {
  const volumes = await Array.fromAsync(listVolumes(reader));
  const target = await chooseWays(images, reader.root, volumes, chosen, placeOfExecution(execution));
  const { written } = target;
  const toWrite = volumes.filter(({ volume }) => written.some((one) => one.volume === volume));
  const isDelta = written.some(({ parent }) => parent !== undefined);
  const name = restoreFiles.volumePlanning(restoreId);
  const before = await findJson(work, name, WaysPlanning);
  // A snapshot may have gone since: then other volumes are written.
  const isSame =
    before?.pointId === reader.root.point &&
    isDeepStrictEqual(before.written, JSON.parse(JSON.stringify(written)));
  const limits = { ...defaultVolumeShardLimits, ...(isDelta && { bytes: deltaShardBytes }) };
  const options = { shouldStop, before: isSame ? before.planning : undefined };
  const { done, planning } = await planVolumeShards(reader, toWrite, limits, options);
  if (!done) {
    await putJson(work, name, { pointId: reader.root.point, written, planning });
    log.info('planned a part of the restore', { restoreId, shards: planning.shards.length });
    return undefined;
  }
  const blocks = planning.shards.reduce((sum, shard) => sum + shard.blocks, 0);
  return { target, quote: quoteVolumes(target.snapshots, written, blocks), shards: planning.shards };
}

/**
 * A volume that is written costs a call for each of its blocks, and the time of the workers. A delta costs as much at
 * most, and a call for each block of its parent, which is read whatever differs.
 */
function quoteVolumes(
  snapshots: readonly VolumeSnapshot[],
  written: readonly WrittenVolume[],
  blocks: number,
): VolumesQuote {
  const gibibytes = snapshots.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0);
  const readBytes = written.reduce(
    (sum, { parent }) => sum + (parent === undefined ? 0 : (parent.usedBytes ?? parent.sizeGiB * 2 ** 30)),
    0,
  );
  const comparedBlocks = Math.ceil(readBytes / ebsBlockBytes);
  const seconds = ((2 * blocks + comparedBlocks) * ebsBlockBytes) / workRates.protectedBytesPerSecond;
  return {
    volumes: snapshots.length,
    bytes: gibibytes * 2 ** 30,
    written: written.length,
    blocks,
    comparedBlocks,
    dollars:
      blocks * prices.ebsDirect.put + comparedBlocks * prices.ebsDirect.get + seconds * workerSecondDollars,
  };
}

async function putRow(
  { catalog, clock, audit }: Services,
  { restoreId, execution, request, row: { pointId }, root, target: chosen }: Restore,
): Promise<RestoreRow> {
  const target =
    request.deleteExtra === true ? `${describe(chosen)} (made equal to the point)` : describe(chosen);
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
  switch (target.kind) {
    case 'directory':
      return `directory ${target.directory}`;
    case 'volumes':
      return `volumes in ${target.availabilityZone}`;
    case 'instance':
      return `instance in ${target.wishes.subnet ?? 'its own subnet'}`;
    case 'ami':
      return `AMI ${target.name}`;
    case 'bucket':
      return `s3://${target.bucket}/${target.prefix}`;
  }
}
