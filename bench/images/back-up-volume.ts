import {
  type AllServices,
  type BlockSource,
  commitPoint,
  copyBlocks,
  joinSomeShards,
  listBlocks,
  newId,
  openRun,
  type ResourceArn,
  type Root,
  type RunId,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';

const arn = 'arn:aws:ec2:us-east-1:111122223333:volume/vol-1' as ResourceArn;

/**
 * Backs up a volume as it is in a snapshot, one step of the product after the other.
 * @param run.image - the record that the point has of it. @default none
 */
export async function backUpVolume(
  services: AllServices,
  {
    type,
    source,
    snapshot,
    image,
  }: {
    readonly type: BackupType;
    readonly source: BlockSource;
    readonly snapshot: string;
    readonly image?: Root['image'];
  },
): Promise<{ readonly root: Root; readonly shards: number }> {
  const opened = await openRun(services, {
    runId: newId<RunId>(services.random),
    resourceArn: arn,
    resourceKind: 'ebs-volume',
    plan: 'daily',
    type,
    keepDays: 35,
    readTags: false,
    blocks: true,
    sourceNow: async () => Promise.resolve(services.clock.now()),
  });
  if (opened.state === 'over') throw new Error('the run is over');
  const { plan, keys } = opened;
  const volumes = [{ volume: 'vol-1', snapshot }];
  const listed = await listBlocks(services, keys, plan, { source, volumes, shouldStop: () => false });
  if (!listed.done) throw new Error('the listing stopped');
  const { shards } = listed;
  for (const shard of shards) await copyBlocks(services, shard, { plan, keys, source });
  const joined = await joinSomeShards(services, keys, plan, shards.length, { shouldStop: () => false });
  if (!joined.done) throw new Error('the join stopped');
  const committed = await commitPoint(services, keys, plan, async () =>
    Promise.resolve({ ...joined.content, image }),
  );
  return { root: committed.root, shards: shards.length };
}
