import {
  commitPoint,
  failRun,
  joinGroup,
  joinSomeShards,
  openRun,
  type PointContent,
  protectShard,
  type ResourceArn,
  type RunId,
} from '@holdfast/engine';
import { dayMs } from '@holdfast/engine/model';
import { makeMemoryServices, SeededRandom } from '@holdfast/engine/testing';
import { limits } from './limits.ts';
import { SyntheticBucket } from './synthetic-bucket.ts';
import { slowed, VirtualTime } from './virtual-time.ts';

export interface JoinModel {
  /** Waiting and computing, one after the other: an upper bound. */
  readonly groupSeconds: number;
  readonly commitSecondsAGroup: number;
  readonly commitSecondsAShard: number;
  /** Bytes of pages, stored, for one object. */
  readonly pageBytesAFile: number;
  /** Seconds to open a run none of whose packs has to be leased. */
  readonly openSeconds: number;
  /** Seconds, and requests to S3 and the catalog, for each pack of a base that is leased. */
  readonly leaseSecondsAPack: number;
  readonly leaseRequestsAPack: number;
  readonly leasedPacks: number;
  readonly rootBytesAPack: number;
}

const arn = 'arn:aws:s3:::synthetic' as ResourceArn;

/** A vault in memory whose stores take their time. */
function makeWorld() {
  const time = new VirtualTime();
  const random = new SeededRandom('scale');
  const counts = new Map<string, number>();
  const memory = makeMemoryServices(time, random);
  const { index, store, catalog, work } = memory;
  const services = {
    ...memory,
    index: slowed(index, time, limits.dynamoMs.value, counts, 'index'),
    store: slowed(store, time, limits.getMs.value, counts, 'store'),
    catalog: slowed(catalog, time, limits.dynamoMs.value, counts, 'catalog'),
    work: slowed(work, time, limits.getMs.value, counts, 'work'),
  };
  return { time, random, counts, catalog, services };
}

/**
 * Runs the product's own workers, groups, commit and leases on a part of a run, with the time that the stores take.
 * @param groups - groups of `shardsAGroup` shards of `filesAShard` files that are made.
 */
export async function modelJoin(
  groups: number,
  shardsAGroup: number,
  filesAShard: number,
): Promise<JoinModel> {
  const world = makeWorld();
  const { time, counts, catalog, services } = world;
  const shards = groups * shardsAGroup;
  const { plan, keys, request } = await protectShards(world, shards, filesAShard);

  const joinGroups = async (): Promise<void> => {
    for (let index = 0; index < groups; index += 1)
      await joinGroup(services, keys, plan, { index, first: index * shardsAGroup, count: shardsAGroup });
  };
  const joinAll = async (groupCount: number): Promise<PointContent> => {
    const options = { groupCount, shouldStop: () => false };
    const step = await joinSomeShards(services, keys, plan, shards, options);
    if (!step.done) throw new Error('the join stopped');
    return step.content;
  };
  const joined = await timed(time, joinGroups());
  const ofShards = await timed(time, joinAll(0));
  const ofGroups = await timed(time, joinAll(groups));
  const committed = commitPoint(services, keys, plan, async () => Promise.resolve(ofGroups.result));
  const { root } = await time.run(committed);
  const named = new Set(root.pagePacks.map(({ pack }) => pack));
  const pages = catalog.packRows().filter(({ packId }) => named.has(packId));

  const opened = await timed(time, openRun(services, request('incremental')));
  if (opened.result.state === 'over') throw new Error('the run is over');
  await time.run(failRun(services, opened.result.plan.runId, { name: 'Error', message: 'not gone on with' }));
  // Locks are staggered over a generation: close to its end, most have to move.
  time.advance(29 * dayMs);
  const counted = /extendLock|raiseLockUntil|confirmLockedUntil|packs\.findAll/;
  const before = { calls: total(counts, counted), locks: counts.get('store.extendLock') ?? 0 };
  const leased = await timed(time, openRun(services, request('incremental')));
  const leasedPacks = (counts.get('store.extendLock') ?? 0) - before.locks;
  return {
    groupSeconds: joined.seconds / groups,
    commitSecondsAGroup: ofGroups.seconds / groups,
    commitSecondsAShard: ofShards.seconds / shards,
    pageBytesAFile: pages.reduce((sum, { bytes = 0 }) => sum + bytes, 0) / (shards * filesAShard),
    leasedPacks,
    openSeconds: opened.seconds,
    leaseSecondsAPack: (leased.seconds - opened.seconds) / Math.max(1, leasedPacks),
    leaseRequestsAPack: (total(counts, counted) - before.calls) / Math.max(1, leasedPacks),
    rootBytesAPack: JSON.stringify(root.pagePacks).length / root.pagePacks.length,
  };
}

/** Opens a run and has its workers make all shards, as the base of what is measured. */
async function protectShards(
  { time, random, services }: ReturnType<typeof makeWorld>,
  shards: number,
  filesAShard: number,
) {
  const source = new SyntheticBucket({
    entries: shards * filesAShard,
    objectBytes: 256,
    pageEntries: limits.listKeys.value,
    clock: time,
    onRequest: async () => Promise.resolve(),
  });
  const request = (type: 'full' | 'incremental') => ({
    runId: Buffer.from(random.bytes(16)).toString('hex') as RunId,
    resourceArn: arn,
    resourceKind: 's3-bucket' as const,
    plan: 'daily',
    type,
    keepDays: 35,
    readTags: false,
    sourceNow: async () => source.now(),
  });
  const opened = await time.run(openRun(services, request('full')));
  if (opened.state === 'over') throw new Error('the run is over');
  const { plan, keys } = opened;
  const pathOf = (shard: number) =>
    shard % shards === 0 ? undefined : source.entry(shard * filesAShard).path;
  for (let index = 0; index < shards; index += 1) {
    const listed = Array.from({ length: filesAShard }, (_, at) => source.entry(index * filesAShard + at));
    const shard = { index, paths: { from: pathOf(index), to: pathOf(index + 1) } };
    await time.run(protectShard(services, shard, { keys, plan, source, listed }));
  }
  return { plan, keys, request };
}

/** The time that the stores take, and then, as if nothing were done while they are waited for, that of the processor. */
async function timed<Result>(
  time: VirtualTime,
  work: Promise<Result>,
): Promise<{ readonly seconds: number; readonly result: Result }> {
  const startMs = time.elapsedMs();
  const before = process.cpuUsage();
  const result = await time.run(work);
  const { user, system } = process.cpuUsage(before);
  return { seconds: (time.elapsedMs() - startMs) / 1000 + (user + system) / 1e6, result };
}

function total(counts: ReadonlyMap<string, number>, calls: RegExp): number {
  return [...counts].reduce((sum, [call, count]) => sum + (calls.test(call) ? count : 0), 0);
}
