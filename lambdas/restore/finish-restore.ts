import type { RestoreRow, WorkStore } from '@holdfast/engine';
import { type ErrorRecord, RestoredVolume, type RestoreReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { restoreFiles, restoreIdOf, RestoreJob } from './restore-job.ts';
import type { StepHandler } from '../runtime/define-handler.ts';
import { type Count, defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import { caughtError, errorRecordOfCaught } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import { metric, type Metrics } from '../runtime/metrics.ts';
import { getJson } from '../runtime/work-json.ts';
import { sumOutcomes } from './sum-outcomes.ts';
import { closeRestore, type CloseRestoreDeps } from './close-restore.ts';

/** A call hands on to the next one when less than this is left; 256 results take a second or two. Milliseconds. */
const handOnBeforeMs = 60_000;

/** `restoreId` is null when the plan failed: then the execution names the restore. */
const FinishRestoreInput = z.object({
  execution: z.string(),
  restoreId: z.string().nullish(),
  error: caughtError.optional(),
});

/** Whether the restore is closed. */
export type FinishRestoreOutput = { readonly done: false } | ({ readonly done: true } & RestoreReport);

/** What finishing a restore needs. */
export interface FinishRestoreDeps extends CloseRestoreDeps {
  readonly work: WorkStore;
  readonly workBucket: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Closes a restore, once: adds up what it did, as far as the time of one call goes, or records why it failed. Repeating it
 * reports the same again. Where the adding stands lies in the work bucket.
 */
export function makeHandler(deps: FinishRestoreDeps): StepHandler<FinishRestoreOutput> {
  return defineReportingHandler('finish-restore', FinishRestoreInput, deps, async (input, count, context) => {
    const restoreId = input.restoreId ?? restoreIdOf(input.execution);
    const row = await deps.catalog.restores.find(restoreId);
    if (input.error !== undefined)
      return { done: true, ...(await fail(deps, count, restoreId, row, errorRecordOfCaught(input.error))) };
    const job = await getJson(deps.work, restoreFiles.job(restoreId), RestoreJob);
    const shouldStop = () => context.getRemainingTimeInMillis() < handOnBeforeMs;
    const did =
      job.target.kind === 'volumes'
        ? await reportVolumes(deps, job)
        : await reportFiles(deps, job, shouldStop);
    if (did === undefined) {
      deps.log.info('added up a part of the results', { restoreId });
      return { done: false };
    }
    return { done: true, ...(await complete(deps, count, job, row, did)) };
  });
}

async function complete(
  deps: FinishRestoreDeps,
  count: Count,
  job: RestoreJob,
  row: RestoreRow | undefined,
  did: Partial<RestoreReport>,
): Promise<RestoreReport> {
  const { log } = deps;
  const { restoreId } = job;
  const { files = did.volumes?.length ?? 0, bytes = volumeBytes(did.volumes), failed = 0, carried = 0 } = did;
  const { unkept = [], kept = 0 } = did;
  const missing = job.degraded?.unread.missing ?? 0;
  const warned = carried + kept + unkept.length + missing > 0;
  const state = failed > 0 ? 'completed-with-failures' : warned ? 'completed-with-warnings' : 'completed';
  const report: RestoreReport = {
    restoreId,
    state,
    point: job.pointId,
    ...(row === undefined ? {} : { target: row.target }),
    degraded: job.degraded,
    ...did,
  };
  if (row?.state !== 'running') return report;
  await closeRestore(deps, row, { state, files, bytes });
  count([
    metric('RestoresCompleted', failed > 0 ? 0 : 1),
    metric('RestoreFailures', failed > 0 ? 1 : 0),
    metric('RestoredBytes', bytes),
  ]);
  log.info('the restore ended', { restoreId, state, files, bytes, failed, carried });
  return report;
}

async function fail(
  deps: FinishRestoreDeps,
  count: Count,
  restoreId: string,
  row: RestoreRow | undefined,
  error: ErrorRecord,
): Promise<RestoreReport> {
  // The map over the shards fails once more after the shard that closed the restore already.
  if (row !== undefined && row.state !== 'running') {
    return { restoreId, state: row.state, error: row.error ?? error };
  }
  if (row !== undefined) await closeRestore(deps, row, { state: 'failed', error });
  count([metric('RestoreFailures', 1)]);
  deps.log.warn('the restore failed', { restoreId, error: error.name, reason: error.message });
  return { restoreId, state: 'failed', error };
}

async function reportFiles(
  { work, workBucket }: FinishRestoreDeps,
  job: RestoreJob,
  shouldStop: () => boolean,
): Promise<Partial<RestoreReport> | undefined> {
  const report = await sumOutcomes(work, job, shouldStop);
  const details = { bucket: workBucket, prefix: restoreFiles.results(job.restoreId) };
  return report && { ...report, details };
}

async function reportVolumes(
  { work, workBucket }: FinishRestoreDeps,
  { restoreId }: RestoreJob,
): Promise<Partial<RestoreReport>> {
  const volumes = await getJson(work, restoreFiles.volumes(restoreId), z.array(RestoredVolume));
  const ofMachine = volumes.some(({ device }) => device !== undefined);
  const machine = { bucket: workBucket, key: restoreFiles.machine(restoreId) };
  return { volumes, ...(ofMachine ? { machine } : {}) };
}

function volumeBytes(volumes: RestoreReport['volumes']): number {
  return (volumes ?? []).reduce((sum, { sizeGiB }) => sum + sizeGiB * 2 ** 30, 0);
}
