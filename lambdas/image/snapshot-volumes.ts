import type { Ec2Snapshot } from '@holdfast/aws';
import { aliveUntil, BackupError, getRunPlan, newId, type RunId, type RunPlan } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { runId } from '@holdfast/engine/model';
import type { StepServices } from '../runtime/services.ts';
import { isVisibleBy } from './visible-within.ts';
import { chooseSnapshots } from './choose-snapshots.ts';
import { type DescribedImage, describeImage, imageRecordOf } from './describe-image.ts';
import { ATTEMPT_TAG, ImageRecords, RUN_TAG } from './image-record.ts';
import { SnapshotNotVisibleYetError, SnapshotsBusyError } from './snapshot-errors.ts';
import { imageSteps } from './steps.ts';

type Services = StepServices<(typeof imageSteps)['snapshot-volumes']['needs']>;

export interface SnapshotVolumesOutput {
  readonly runId: RunId;
  readonly snapshots: readonly string[];
  readonly done: false;
}

/**
 * Takes the snapshots of an image: all volumes of an instance at one moment. Ordering snapshots has no token, so an
 * order is claimed before it is given; a repetition looks for what the claim may have led to, and orders again only
 * when nothing has shown for five minutes. Of several orders the oldest complete one counts, the rest is removed.
 */
export const snapshotVolumesStep = defineStep(
  imageSteps,
  'snapshot-volumes',
  z.object({ runId }),
  async (services, input): Promise<SnapshotVolumesOutput> => {
    const { images, work, catalog, clock } = services;
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const run = await getRunPlan(work, input.runId);
    const records = new ImageRecords(work, run.runId);
    const taken = await records.findTaken();
    if (taken !== undefined)
      return outputOf(
        run,
        taken.image.snapshots.map(({ snapshot }) => snapshot),
      );

    const image = await describeImage(images, run.resourceArn, run.resourceKind);
    const volumeIds = image.volumes.map(({ volumeId }) => volumeId);
    const claim = await records.findClaim();
    let found = claim === undefined ? [] : await images.findSnapshots(RUN_TAG, run.runId);
    let chosen = chooseSnapshots(found, volumeIds);
    if (chosen === undefined) {
      if (claim?.isRefused === false && !isVisibleBy(clock.now(), claim.claimedAt)) {
        throw new SnapshotNotVisibleYetError(run.runId, claim.claimedAt);
      }
      const ordered = await order(services, records, run, image);
      found = [...found, ...ordered];
      chosen = chooseSnapshots(ordered, volumeIds);
    }
    // A volume was attached or taken off since it was described: what was ordered is found again, and judged anew.
    if (chosen === undefined) throw new SnapshotNotVisibleYetError(run.runId, clock.now());
    // Before the choice is written down: a repetition that finds it has nothing left to do.
    await removeOthers(services, run, found, new Set(chosen.snapshotIds));
    await records.putTaken({ takenAt: clock.now(), image: imageRecordOf(image, chosen.byVolume) });
    return outputOf(run, chosen.snapshotIds);
  },
);

async function order(
  { images, log, clock, random }: Services,
  records: ImageRecords,
  run: RunPlan,
  { volumes, machine }: DescribedImage,
): Promise<Ec2Snapshot[]> {
  const attempt = newId(random);
  const claim = { attempt, claimedAt: clock.now(), isRefused: false };
  await records.putClaim(claim);
  const tags = { [RUN_TAG]: run.runId, [ATTEMPT_TAG]: attempt };
  const description = `Holdfast run ${run.runId}, plan ${run.plan}`;
  const [volume] = volumes;
  const made =
    machine !== undefined || volume === undefined
      ? await images.createMachineSnapshots(
          { instanceId: machine?.instanceId ?? '', volumes },
          tags,
          description,
        )
      : await images.createVolumeSnapshot(volume, tags, description);
  if (made === 'busy') {
    // Written before the retry: nothing was made that a repetition had to look for.
    await records.putClaim({ ...claim, isRefused: true });
    throw new SnapshotsBusyError(`run ${run.runId}`);
  }
  const ordered = [made].flat();
  log.info('ordered snapshots', { runId: run.runId, snapshots: ordered.length });
  // Only snapshots lack them: the point records all tags of its volumes, and a restore gives them to the new ones.
  for (const { snapshotId, volumeId, tagsLeftOff = [] } of ordered) {
    if (tagsLeftOff.length === 0) continue;
    log.warn('a snapshot has no room for all tags of its volume', {
      runId: run.runId,
      snapshotId,
      volumeId,
      leftOff: tagsLeftOff.join(', '),
    });
  }
  // EC2 need not repeat the tags that it was given.
  return ordered.map((snapshot) => ({ ...snapshot, tags: { ...snapshot.tags, ...tags } }));
}

async function removeOthers(
  { images, log }: Services,
  run: RunPlan,
  found: readonly Ec2Snapshot[],
  kept: ReadonlySet<string>,
): Promise<void> {
  for (const { snapshotId } of found) {
    if (kept.has(snapshotId)) continue;
    try {
      const outcome = await images.removeSnapshot(snapshotId);
      log.warn(`a snapshot was taken twice: ${outcome}`, { runId: run.runId, snapshot: snapshotId });
    } catch (error) {
      // It costs storage and nothing else. It carries the run's tag, so it goes with the run's point.
      if (!(error instanceof BackupError)) throw error;
      log.warn('a snapshot that was taken twice could not be removed', {
        runId: run.runId,
        snapshot: snapshotId,
        reason: error.message,
      });
    }
  }
}

function outputOf(run: RunPlan, snapshots: readonly string[]): SnapshotVolumesOutput {
  return { runId: run.runId, snapshots, done: false };
}
