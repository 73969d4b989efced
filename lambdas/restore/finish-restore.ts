import { findJson, getJson, type RestoreRow } from '@holdfast/engine';
import { type ErrorRecord, RestoredVolume, restoreIdOf, type RestoreReport } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepServices } from '../runtime/services.ts';
import { restoreFiles, RestoreJob, StartedSnapshots } from './restore-job.ts';
import { type Count, defineKeptLoop } from '../runtime/define-step.ts';
import { caughtError, errorRecordOfCaught } from '../runtime/event-fields.ts';
import { metric } from '../runtime/metrics.ts';
import { OutcomeSum, sumOutcomes } from './sum-outcomes.ts';
import { abandonRestore } from './abandon-restore.ts';
import { closeRestore } from './close-restore.ts';
import { Launch } from './launch-state.ts';
import { removeWritten } from './remove-written.ts';
import { restoreSteps } from './steps.ts';

/** Room for 256 results, which take a second or two. */
const handOnBeforeMs = 60_000;

/** `restoreId` is null when the plan failed: then the execution names the restore. */
const FinishRestoreInput = z.object({
  execution: z.string(),
  restoreId: z.string().nullish(),
  error: caughtError.optional(),
});

type Services = StepServices<(typeof restoreSteps)['finish-restore']['needs']>;

/**
 * Closes a restore, once: adds up what it did, as far as the time of one call goes, or records why it failed. Repeating
 * it reports the same again.
 */
export const finishRestoreStep = defineKeptLoop(
  restoreSteps,
  'finish-restore',
  {
    input: FinishRestoreInput,
    state: OutcomeSum,
    // Closing a restore that failed reads nothing.
    keptAs: (input) => (input.error === undefined ? restoreFiles.sum(restoreIdIn(input)) : undefined),
    handOnBeforeMs,
  },
  async (services, input, { before, shouldStop, count }) => {
    const restoreId = restoreIdIn(input);
    const row = await services.catalog.restores.find(restoreId);
    if (input.error !== undefined) {
      const error = errorRecordOfCaught(input.error);
      return { done: true, ...(await fail(services, count, restoreId, row, error, shouldStop)) } as const;
    }
    const job = await getJson(services.work, restoreFiles.job(restoreId), RestoreJob);
    const { work, workBucket } = services;
    if (job.target.kind !== 'bucket') {
      const did = await (job.target.kind === 'volumes' ? reportVolumes : reportLaunch)(services, job);
      const hasWritten = job.target.kind !== 'ami' && job.target.written.length > 0;
      const left = hasWritten ? await removeWritten(services, restoreId) : [];
      const snapshotsLeft = left.length > 0 ? left : undefined;
      const throttledCalls = await findJson(work, restoreFiles.throttled(restoreId), z.int());
      const report = await complete(services, count, job, row, { ...did, snapshotsLeft, throttledCalls });
      return { done: true, ...report } as const;
    }
    const sum = await sumOutcomes(work, job, { before, shouldStop });
    if (!sum.done) {
      services.log.info('added up a part of the results', { restoreId });
      return sum;
    }
    const details = { bucket: workBucket, prefix: restoreFiles.results(restoreId) };
    return {
      done: true,
      ...(await complete(services, count, job, row, { ...sum.report, details })),
    } as const;
  },
);

function restoreIdIn({ restoreId, execution }: z.output<typeof FinishRestoreInput>): string {
  return restoreId ?? restoreIdOf(execution);
}

async function complete(
  services: Services,
  count: Count,
  job: RestoreJob,
  row: RestoreRow | undefined,
  did: Partial<RestoreReport>,
): Promise<RestoreReport> {
  const { log } = services;
  const { restoreId } = job;
  const { files = did.volumes?.length ?? 0, bytes = volumeBytes(did.volumes), failed = 0, carried = 0 } = did;
  const { unkept = [], kept = 0 } = did;
  const missing = job.degraded?.unread.missing ?? 0;
  const doubts = job.notices?.length ?? 0;
  const warned = carried + kept + unkept.length + missing + doubts > 0;
  const state = failed > 0 ? 'completed-with-failures' : warned ? 'completed-with-warnings' : 'completed';
  const report: RestoreReport = {
    restoreId,
    state,
    point: job.pointId,
    target: row?.target,
    degraded: job.degraded,
    notices: job.notices,
    ...did,
  };
  if (row?.state !== 'running') return report;
  await closeRestore(services, row, { state, files, bytes });
  count([
    metric('RestoresCompleted', failed > 0 ? 0 : 1),
    metric('RestoreFailures', failed > 0 ? 1 : 0),
    metric('RestoredBytes', bytes),
    ...(did.throttledCalls === undefined ? [] : [metric('ThrottledBlockCalls', did.throttledCalls)]),
  ]);
  const { throttledCalls } = did;
  log.info('the restore ended', { restoreId, state, files, bytes, failed, carried, throttledCalls });
  return report;
}

async function fail(
  services: Services,
  count: Count,
  restoreId: string,
  row: RestoreRow | undefined,
  cause: ErrorRecord,
  shouldStop: () => boolean,
): Promise<RestoreReport> {
  // The map over the shards fails once more after the shard that closed the restore already.
  if (row !== undefined && row.state !== 'running') {
    return { restoreId, state: row.state, error: row.error ?? cause };
  }
  const failed = { state: 'failed', error: cause } as const;
  const error = row === undefined ? cause : await abandonRestore(services, row, failed, shouldStop);
  count([metric('RestoreFailures', 1)]);
  services.log.warn('the restore failed', { restoreId, error: error.name, reason: error.message });
  return { restoreId, state: 'failed', error };
}

async function reportVolumes(
  { work, workBucket }: Services,
  { restoreId }: RestoreJob,
): Promise<Partial<RestoreReport>> {
  const volumes = await getJson(work, restoreFiles.volumes(restoreId), z.array(RestoredVolume));
  const ofMachine = volumes.some(({ device }) => device !== undefined);
  const machine = { bucket: workBucket, key: restoreFiles.machine(restoreId) };
  return { volumes, ...(ofMachine ? { machine } : {}) };
}

async function reportLaunch(
  { work, workBucket }: Services,
  { restoreId, target }: RestoreJob,
): Promise<Partial<RestoreReport>> {
  const launch = await getJson(work, restoreFiles.launch(restoreId), Launch);
  const { image, launched: instance, volumes } = launch;
  const written = await findJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
  // An AMI that is kept needs those that it is of.
  const keptSnapshots = image?.isKept === true && written ? Object.values(written) : undefined;
  return {
    instance,
    volumes,
    ami: image && { imageId: image.id, name: image.name, isKept: image.isKept, snapshots: keptSnapshots },
    differences: target.kind === 'instance' ? launch.differences : undefined,
    machine: { bucket: workBucket, key: restoreFiles.machine(restoreId) },
  };
}

function volumeBytes(volumes: RestoreReport['volumes']): number {
  return (volumes ?? []).reduce((sum, { sizeGiB }) => sum + sizeGiB * 2 ** 30, 0);
}
