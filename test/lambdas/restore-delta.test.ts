import { beforeEach, describe, expect, test } from 'vitest';
import {
  blockBytes,
  blockOf,
  type Blocks,
  first,
  type ImageScene,
  KEY,
  makeImageScene,
  second,
  seedsOf,
  target,
  volumeBlocks,
} from './support/image-scene.ts';

let images: ImageScene['images'];
let restoring: ImageScene['restoring'];
let plan: ImageScene['plan'];
let restore: ImageScene['restore'];

beforeEach(async () => {
  ({ images, restoring, plan, restore } = await makeImageScene());
});

/** A snapshot of a volume as it is now. */
function plantParent(blocks: Blocks, volumeId = 'vol-1'): string {
  const { blocks: source } = restoring;
  const volume = source.makeVolume(volumeBlocks * blockBytes);
  for (const [index, seed] of Object.entries(blocks)) source.write(volume, Number(index), blockOf(seed));
  source.write(volume, 20, new Uint8Array(blockBytes));
  const snapshot = source.takeSnapshot(volume);
  images.plant({ snapshotId: snapshot, volumeId, encrypted: true, kmsKeyId: KEY });
  return snapshot;
}

const deltaFrom = (...snapshots: string[]) => ({
  target: { volumes: { ...target.volumes, deltaFrom: snapshots } },
});

describe('a delta', () => {
  test('writes the blocks that differ, zeros for those that are new, and nothing else', async () => {
    const parent = plantParent({ 0: 1, 7: 6, 8: 3, 30: 7 });

    const { report, written } = await restore(deltaFrom(parent));

    const [one, other] = written.values();
    expect(one?.order).toMatchObject({ parent });
    expect(seedsOf(one?.blocks ?? new Map())).toEqual({ 7: 2, 30: 0, 59: 4 });
    expect(other?.order.parent).toBeUndefined();
    expect(report.volumes?.map(({ from }) => from)).toEqual(['delta', 'vault']);
    // The parent is not the restore's.
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([parent]);
  });

  test('of several volumes writes of each what differs from its own snapshot', async () => {
    const [one, other] = [plantParent({ ...first, 7: 6 }), plantParent({ 5: 1 }, 'vol-2')];

    const { planned, report, written } = await restore(deltaFrom(one, other));

    expect(planned.quote).toMatchObject({ blocks: 5, comparedBlocks: 2 ** 12 });
    expect(report.volumes?.map(({ from }) => from)).toEqual(['delta', 'delta']);
    const orders = [...written.values()];
    expect(orders.map(({ order }) => order.parent)).toEqual([one, other]);
    expect(seedsOf(orders[0]?.blocks ?? new Map())).toEqual({ 7: 2 });
    expect(seedsOf(orders[1]?.blocks ?? new Map())).toEqual({ ...second, 5: 0 });
  });

  test('of two snapshots of one volume is refused', async () => {
    const asked = deltaFrom(plantParent(first), plantParent(first));

    await expect(plan(asked)).rejects.toThrow(
      /^"deltaFrom" names snap-.* and snap-.*, both of volume vol-1;/,
    );
  });

  test('of a volume that is as it was writes nothing', async () => {
    const { written } = await restore(deltaFrom(plantParent(first)));

    expect([...written.values()][0]?.blocks.size).toBe(0);
  });

  test.for([
    ['is no snapshot of this account and region', {}],
    ['is in state pending', { state: 'pending' }],
    ['is of volume vol-9, which the point has not: it has vol-1, vol-2', { volumeId: 'vol-9' }],
    ['has 2 GiB, more than the 1 that the volume had', { sizeGiB: 2 }],
    ['is not encrypted, and the volume was', { encrypted: false }],
  ] as const)('is refused before anything is made when its snapshot %s', async ([why, fields]) => {
    const snapshotId = 'snap-0123456789abcdef0';
    if (Object.keys(fields).length > 0) images.plant({ snapshotId, ...fields });

    await expect(plan(deltaFrom(snapshotId))).rejects.toThrow(
      `"deltaFrom" ${snapshotId} ${why}; name a complete snapshot`,
    );
  });
});
