import type { Ec2Snapshot } from '@holdfast/aws';
import { ATTEMPT_TAG } from './image-record.ts';

export interface SnapshotSet {
  readonly snapshotIds: readonly string[];
  /** Volume id → snapshot id. */
  readonly byVolume: ReadonlyMap<string, string>;
}

/**
 * The oldest complete order among a run's snapshots: one for each volume, none of another order, as snapshots of
 * different orders are of different moments.
 * @param found - oldest first.
 */
export function chooseSnapshots(
  found: readonly Ec2Snapshot[],
  volumeIds: readonly string[],
): SnapshotSet | undefined {
  const orders = Map.groupBy(found, ({ tags }) => tags[ATTEMPT_TAG] ?? '');
  for (const snapshots of orders.values()) {
    const byVolume = new Map(snapshots.map(({ volumeId, snapshotId }) => [volumeId, snapshotId]));
    if (volumeIds.every((id) => byVolume.has(id))) {
      const wanted = new Map(volumeIds.map((id) => [id, byVolume.get(id) ?? '']));
      return { snapshotIds: [...wanted.values()], byVolume: wanted };
    }
  }
  return undefined;
}
