import { createHash } from 'node:crypto';
import * as z from 'zod';
import { SnapshotsBusyError } from '../image/snapshot-errors.ts';
import { defineStep } from '../runtime/define-step.ts';
import { findJson, getJson, putJson } from '@holdfast/engine';
import { restoreFiles, RestoreJob, StartedSnapshots } from './restore-job.ts';
import { RESTORE_TAG, writtenDescription } from './launch-tags.ts';
import { restoreSteps } from './steps.ts';

export interface StartSnapshotsOutput {
  /** Volume → snapshot. */
  readonly snapshots: Readonly<Record<string, string>>;
}

/**
 * Begins a snapshot for each volume that is written out of the vault; beginning again gives the same ones. They carry
 * the tag of their restore, by which whoever ends it finds them.
 */
export const startSnapshotsStep = defineStep(
  restoreSteps,
  'start-snapshots',
  z.object({ restoreId: z.string().min(1) }),
  async ({ work, snapshots: writer, log }, { restoreId }): Promise<StartSnapshotsOutput> => {
    const name = restoreFiles.snapshots(restoreId);
    const known = await findJson(work, name, StartedSnapshots);
    if (known !== undefined) return { snapshots: known };
    const { target, pointId } = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    const snapshots: Record<string, string> = {};
    for (const { volume, sizeGiB, parent, encryption } of 'written' in target ? target.written : []) {
      const started = await writer.start({
        sizeGiB,
        parent: parent?.snapshot,
        encryption: encryption && { keyArn: encryption.keyArn },
        clientToken: createHash('sha256').update(`${restoreId}\n${volume}`).digest('hex'),
        description: `${writtenDescription(restoreId)} ${volume} of point ${pointId}`,
        tags: { [RESTORE_TAG]: restoreId },
      });
      if (started === 'busy') throw new SnapshotsBusyError(`restore ${restoreId}`);
      snapshots[volume] = started.snapshot;
    }
    await putJson(work, name, snapshots);
    log.info('began snapshots', { restoreId, snapshots: Object.values(snapshots).join(', ') });
    return { snapshots };
  },
);
