import { createHash } from 'node:crypto';
import { fitTags } from '@holdfast/aws';
import type { ReadySnapshot } from './ready-snapshots.ts';
import type { RestoreJob } from './restore-job.ts';

/** Tag of everything that a restore makes; only what carries it may a restore change again. */
export const RESTORE_TAG = 'holdfast:restore';
/**
 * Beginning of the description of each snapshot that a restore writes. The tag alone does not tell them: restored volumes
 * carry it too, and whoever takes snapshots of these copies their tags.
 */
export function writtenDescription(restoreId: string): string {
  return `Holdfast restore ${restoreId}:`;
}

/** Prefix of Holdfast's own tags. */
const ownTags = 'holdfast:';

/**
 * Tags of something that is made like an original: ours, and the original's but for Holdfast's own, as a copy is not
 * protected until somebody wants it to be.
 */
export function tagsLike(
  original: Readonly<Record<string, string>>,
  job: Pick<RestoreJob, 'restoreId'>,
  tagKey: string,
): ReturnType<typeof fitTags> {
  const copied = Object.entries(original).filter(([name]) => !name.startsWith(ownTags) && name !== tagKey);
  return fitTags(restoreTags(job), Object.fromEntries(copied));
}

/** Token of the order of a restore's instance: orders of the same token launch one, and it is found by it. */
export function launchToken({ restoreId }: Pick<RestoreJob, 'restoreId'>): string {
  return createHash('sha256').update(`${restoreId}\ninstance`).digest('hex');
}

/** The name that a restore's AMI has: that which was asked for, or one that is the restore's own. */
export function imageNameOf({ restoreId, target }: Pick<RestoreJob, 'restoreId' | 'target'>): string {
  return target.kind === 'ami' ? target.name : `holdfast-${restoreId}`;
}

export function restoreTags({ restoreId }: Pick<RestoreJob, 'restoreId'>): Record<string, string> {
  return { [RESTORE_TAG]: restoreId };
}

/** Volume → snapshot id. */
export function idsOf(snapshots: ReadonlyMap<string, ReadySnapshot>): ReadonlyMap<string, string> {
  return new Map([...snapshots].map(([volume, { snapshotId }]) => [volume, snapshotId]));
}
