import { describe, expect, test } from 'vitest';
import { SnapshotMissingError, SourceUnavailableError } from '../../src/errors.ts';
import type { BlockShard, BlockShardReference } from '../../src/images/block-shards.ts';
import { getBlockShard } from '../../src/images/block-shards.ts';
import { type BlockListingState, listBlocks } from '../../src/images/list-blocks.ts';
import { volumeEntries } from '../../src/manifest/volume-entries.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { BlockPage, BlockSource } from '../../src/ports/block-source.ts';
import { openRun } from '../../src/runs/open-run.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { blockBytes, ImageHarness, type ImageOptions, readVolumes } from './image-harness.ts';

const random = (harness: ImageHarness): Uint8Array => harness.random.bytes(blockBytes);

/** An instance with two volumes, the first of which has 300 blocks in a row. */
function withVolumes(seed: string): { harness: ImageHarness; boot: string; data: string } {
  const harness = new ImageHarness(seed);
  const [boot, data] = [harness.addVolume(1_000), harness.addVolume(200)];
  for (let index = 0; index < 300; index += 1) harness.disks.write(boot, index, random(harness));
  harness.disks.write(data, 7, random(harness));
  return { harness, boot, data };
}

async function openImage(harness: ImageHarness, type: BackupType, options?: ImageOptions) {
  const opened = await openRun(harness.services, harness.requestImage(type, options));
  if (opened.state === 'over') throw new Error('the run is over');
  return opened;
}

async function readShards(
  { work }: ImageHarness,
  references: readonly BlockShardReference[],
): Promise<readonly BlockShard[]> {
  return Promise.all(references.map(async (reference) => getBlockShard(work, reference)));
}

async function reasonsOf(harness: ImageHarness, { root }: CommittedPoint) {
  const reader = await harness.open(root.point);
  const volumes = await Array.fromAsync(volumeEntries(reader.manifest));
  return Object.fromEntries(volumes.map(({ volume, fullReason }) => [volume, fullReason]));
}

describe('the shards of an image', () => {
  test('have every key once, in their order, and few enough blocks', async () => {
    const { harness, boot, data } = withVolumes('cover');
    const { plan, keys } = await openImage(harness, 'full');

    const references = await harness.listImage(plan, keys, { limits: { blocks: 128, extents: 10 } });
    const shards = await readShards(harness, references);

    expect(references.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(shards.map(({ volume, blocks }) => [volume, blocks.length])).toEqual([
      [boot, 128],
      [boot, 128],
      [boot, 44],
      [data, 1],
    ]);
    expect(shards.map(({ hasEntry }) => hasEntry)).toEqual([true, false, false, true]);
    expect(shards[0]?.keys.from).toBeUndefined();
    expect(shards.at(-1)?.keys.to).toBeUndefined();
    for (const [at, { keys: range }] of shards.slice(1).entries())
      expect(range.from).toBe(shards[at]?.keys.to);
  });

  test('are handed on as references alone', async () => {
    const { harness } = withVolumes('references');
    const { plan, keys } = await openImage(harness, 'full');

    for (const reference of await harness.listImage(plan, keys))
      expect(JSON.stringify(reference).length).toBeLessThan(120);
  });

  test('are written while they are listed: of each of four volumes a page and a shard is held', async () => {
    const [volumes, blocks, page, limit, window] = [6, 12_000, 500, 200, 64];
    const harness = new ImageHarness('held');
    for (let made = 0; made < volumes; made += 1) harness.addVolume(1);
    const { plan, keys } = await openImage(harness, 'full');
    let [held, most] = [0, 0];
    const source: BlockSource = {
      listChanged: (...of) => harness.disks.listChanged(...of),
      read: async (...of) => harness.disks.read(...of),
      list: async function* (_snapshot, from) {
        for (let at = typeof from === 'number' ? from : from.index; at < blocks; at += page) {
          await Promise.resolve();
          held += page;
          most = Math.max(most, held);
          const listed = Array.from({ length: page }, (_, n) => ({ index: at + n, token: `${at + n}` }));
          yield { bytes: blocks * blockBytes, blockBytes, blocks: listed };
        }
      },
    };
    const put = harness.work.put.bind(harness.work);
    harness.work.put = async (name, body) => {
      if (name.includes('/blocks/'))
        held -= (JSON.parse(Buffer.from(body).toString()) as BlockShard).blocks.length;
      await put(name, body);
    };

    await harness.listImage(plan, keys, { source, limits: { blocks: limit, extents: 10 } });

    // Each list is asked once more for the size of its volume.
    expect(held).toBe(volumes * page);
    expect(most).toBeLessThanOrEqual(volumes * page + 4 * (page + limit + 2 * window));
  });

  test('are listed over any number of calls, whose state does not grow with the blocks', async () => {
    const { harness } = withVolumes('calls');
    const { plan, keys } = await openImage(harness, 'full');
    const volumes = harness.snapshotsOf(plan.runId);
    const options = { source: harness.disks, volumes, shouldStop: () => true };
    let state: BlockListingState | undefined;
    let calls = 0;
    for (let isDone = false; !isDone; calls += 1) {
      const step = await listBlocks(harness.services, keys, plan, options, state);
      isDone = step.done;
      if (step.done) expect(step.shards).toHaveLength(6);
      else state = step.state;
    }

    // A window of each volume a call.
    expect(calls).toBe(5);
    expect(JSON.stringify(state).length).toBeLessThan(2_000);
  });

  test.each([
    ['of changes', 'incremental', undefined],
    ['of all blocks', 'full', undefined],
    ['of all blocks beside those of a base', 'incremental', 'asked for'],
  ] as const)('are listed on from between empty pages of a list %s', async (_what, type, fullReason) => {
    const harness = new ImageHarness('empty', 40);
    const volume = harness.addVolume(2_000);
    for (const index of [3, 300, 900, 1_000, 1_100]) harness.disks.write(volume, index, random(harness));
    await harness.backUpImage('full');
    for (const index of [3, 5, 63, 64, 70, 300, 301, 302, 900, 1_990])
      harness.disks.write(volume, index, random(harness));
    for (const index of [1_000, 1_100]) harness.disks.trim(volume, index);
    const { plan, keys } = await openImage(harness, type);
    const volumes = harness.snapshotsOf(plan.runId).map((of) => ({ ...of, fullReason }));
    const before = harness.disks.counts.pages;
    let asked = 0;
    const shouldStop = (): boolean => harness.disks.counts.pages - asked > 10;
    let state: BlockListingState | undefined;
    let listed: readonly BlockShardReference[] | undefined;

    for (let calls = 0; listed === undefined && calls < 100; calls += 1) {
      asked = harness.disks.counts.pages;
      const options = { source: harness.disks, volumes, shouldStop };
      const step = await listBlocks(harness.services, keys, plan, options, state);
      if (step.done) listed = step.shards;
      else state = JSON.parse(JSON.stringify(step.state)) as BlockListingState;
      expect(harness.disks.counts.pages - asked).toBeLessThan(20);
    }

    const shards = await readShards(harness, listed ?? []);
    const blocks = shards.flatMap((shard) => shard.blocks.filter(([, token]) => token !== undefined));
    expect(blocks.map(([index]) => index)).toEqual([3, 5, 63, 64, 70, 300, 301, 302, 900, 1_990]);
    for (const [at, { keys: range }] of shards.slice(1).entries())
      expect(range.from).toBe(shards[at]?.keys.to);
    // No page is asked for twice but those that have blocks.
    expect(harness.disks.counts.pages - before).toBeLessThan(100);
  });

  test('are cut out of a base for as long as it takes, without the list being gone over again', async () => {
    const harness = new ImageHarness('base', 40);
    const volume = harness.addVolume(2_000);
    for (let index = 0; index < 2_000; index += 10) harness.disks.write(volume, index, random(harness));
    await harness.backUpImage('full');
    for (let index = 0; index < 2_000; index += 10)
      if (index !== 20 && index !== 1_000) harness.disks.trim(volume, index);
    const { plan, keys } = await openImage(harness, 'incremental');
    const volumes = harness.snapshotsOf(plan.runId).map((of) => ({ ...of, fullReason: 'asked for' }));
    const before = harness.disks.counts.pages;
    const options = { source: harness.disks, volumes, shouldStop: () => true };
    let state: BlockListingState | undefined;
    let calls = 0;
    let listed: readonly BlockShardReference[] | undefined;

    for (; listed === undefined && calls < 200; calls += 1) {
      const step = await listBlocks(harness.services, keys, plan, options, state);
      if (step.done) listed = step.shards;
      else state = JSON.parse(JSON.stringify(step.state)) as BlockListingState;
    }

    const shards = await readShards(harness, listed ?? []);
    expect(shards.flatMap(({ blocks }) => blocks.map(([index]) => index))).toEqual([20, 1_000]);
    for (const [at, { keys: range }] of shards.slice(1).entries())
      expect(range.from).toBe(shards[at]?.keys.to);
    // The empty ones, and a page or two for each call.
    expect(harness.disks.counts.pages - before).toBeLessThan(40 + 2 * calls);
  });

  test('of an incremental have what changed, and of a volume without changes its entry alone', async () => {
    const { harness, boot, data } = withVolumes('changed');
    await harness.backUpImage('full');
    for (const index of [5, 6, 900]) harness.disks.write(boot, index, random(harness));
    harness.disks.trim(boot, 8);
    const { plan, keys } = await openImage(harness, 'incremental');

    const shards = await readShards(harness, await harness.listImage(plan, keys));

    const listed = shards.map(({ volume, isWhole, blocks }) => [
      volume,
      isWhole,
      blocks.map(([index, token]) => (token === undefined ? `${index} is gone` : index)),
    ]);
    expect(listed).toEqual([
      [boot, false, [5, 6, '8 is gone', 900]],
      [data, false, []],
    ]);
  });

  test('of a differential have what changed since the full of the chain', async () => {
    const { harness, boot } = withVolumes('differential');
    await harness.backUpImage('full');
    harness.disks.write(boot, 1, random(harness));
    await harness.backUpImage('incremental');
    harness.disks.write(boot, 2, random(harness));
    const { plan, keys } = await openImage(harness, 'differential');

    const [shard] = await readShards(harness, await harness.listImage(plan, keys));

    expect(shard?.blocks.map(([index]) => index)).toEqual([1, 2]);
  });
});

/** Makes a full, changes something, and makes an incremental. */
async function reasonAfter(
  seed: string,
  change: (harness: ImageHarness, boot: string, full: CommittedPoint) => void,
  options?: ImageOptions,
) {
  const { harness, boot, data } = withVolumes(seed);
  const full = await harness.backUpImage('full');
  change(harness, boot, full);
  const next = await harness.backUpImage('incremental', options);
  expect(next.root.type).toBe('incremental');
  expect(await readVolumes(await harness.open(next.root.point))).toEqual(harness.contentsOf(next.root.run));
  const reasons = await reasonsOf(harness, next);
  return { reason: reasons[boot], other: reasons[data], next, full };
}

describe('all blocks of a volume are read, and the point says why', () => {
  test('when the snapshot of the base is gone', async () => {
    const { reason, other, next } = await reasonAfter('gone', (harness, boot, { root }) => {
      const snapshot = root.image?.snapshots.find(({ volume }) => volume === boot)?.snapshot ?? '';
      harness.disks.removeSnapshot(snapshot);
    });

    expect(reason).toMatch(/^snapshot snap-\w+, with which it would be compared, is gone$/);
    expect(other).toBeUndefined();
    // What is as the base has it is not stored again.
    expect(next.root.counts).toMatchObject({ readBytes: 300 * blockBytes, newBytes: 0 });
  });

  test('when the snapshot of the base may not be read', async () => {
    const { reason, next } = await reasonAfter('denied', ({ disks }) => {
      disks.listChanged = () => {
        throw new SourceUnavailableError('the key of the base is disabled');
      };
    });

    expect(reason).toMatch(
      /^what changed since snapshot snap-\w+ cannot be listed: the key of the base is disabled$/,
    );
    expect(next.root.counts.newBytes).toBe(0);
  });

  test('when the volume was replaced under its id', async () => {
    const { reason } = await reasonAfter('replaced', (harness, boot) => {
      harness.disks.makeVolume(1_000 * blockBytes, boot);
      harness.disks.write(boot, 400, random(harness));
    });

    expect(reason).toMatch(/^it cannot be compared with snapshot snap-\w+: they are of different volumes$/);
  });

  test('when it grew', async () => {
    const { reason } = await reasonAfter('grew', (harness, boot) => {
      harness.disks.grow(boot, 2_000 * blockBytes);
      harness.disks.write(boot, 1_999, random(harness));
    });

    expect(reason).toBe('it had 512000 bytes before, and has 1024000 now');
  });

  test('when its blocks have another size', async () => {
    const { reason } = await reasonAfter('blocks', (harness, boot) => {
      harness.disks.makeVolume(1_000 * blockBytes, boot, 2 * blockBytes);
      for (const index of [0, 30, 499])
        harness.disks.write(boot, index, harness.random.bytes(2 * blockBytes));
    });

    expect(reason).toBe('its blocks had 512 bytes before, and have 1024 now');
  });

  test('when the base does not have it', async () => {
    const { harness, boot } = withVolumes('new');
    const full = await harness.backUpImage('full');
    const added = harness.addVolume(10);
    harness.disks.write(added, 1, random(harness));

    const reasons = await reasonsOf(harness, await harness.backUpImage('incremental'));

    expect(reasons[boot]).toBeUndefined();
    expect(reasons[added]).toBe(`point ${full.root.point} does not have the volume`);
  });

  test('when the caller has a reason', async () => {
    const fullReason = 'keeping the snapshot costs more than reading all blocks';
    const { reason } = await reasonAfter('asked', () => {}, { fullReason });

    expect(reason).toBe(fullReason);
  });

  test('but says nothing of it in a full', async () => {
    const { harness, boot } = withVolumes('full');

    expect((await reasonsOf(harness, await harness.backUpImage('full')))[boot]).toBeUndefined();
  });

  test('also when the snapshot of the base goes between two calls', async () => {
    const { harness, boot } = withVolumes('between');
    const full = await harness.backUpImage('full');
    for (const index of [1, 70, 200]) harness.disks.write(boot, index, random(harness));
    let calls = 0;
    const shouldStop = (): boolean => {
      calls += 1;
      if (calls === 2)
        for (const { snapshot } of full.root.image?.snapshots ?? []) harness.disks.removeSnapshot(snapshot);
      return true;
    };

    const next = await harness.backUpImage('incremental', { shouldStop });

    expect((await reasonsOf(harness, next))[boot]).toContain('is gone');
    expect(await readVolumes(await harness.open(next.root.point))).toEqual(harness.contentsOf(next.root.run));
  });
});

test('a volume that the image does not have any more leaves its point, and the packs that only it used', async () => {
  const { harness, boot, data } = withVolumes('detached');
  await harness.backUpImage('full', { limits: { blocks: 64, extents: 2 } });
  harness.volumes.splice(0, 1);

  const next = await harness.backUpImage('incremental', { limits: { blocks: 64, extents: 2 } });

  const reader = await harness.open(next.root.point);
  expect(await readVolumes(reader)).toEqual(harness.contentsOf(next.root.run));
  expect(next.root.counts).toMatchObject({ files: 1, filesRemoved: 1, logicalBytes: 200 * blockBytes });
  expect((await Array.fromAsync(reader.packMap.range())).length).toBe(1);
  expect([...(await readVolumes(reader)).keys()]).toEqual([data]);
  expect(boot).not.toBe(data);
});

test('a snapshot of the image itself that is gone ends the run', async () => {
  const { harness, boot } = withVolumes('lost');
  const { plan, keys } = await openImage(harness, 'full');
  for (const { volume, snapshot } of harness.snapshotsOf(plan.runId))
    if (volume === boot) harness.disks.removeSnapshot(snapshot);

  await expect(harness.listImage(plan, keys)).rejects.toThrow(SnapshotMissingError);
});

test('the blocks of a large volume are never all in memory', async () => {
  const harness = new ImageHarness('large');
  const { plan, keys } = await openImage(harness, 'full');
  const pages = 200;
  let [listed, written, most] = [0, 0, 0];
  const source: Pick<BlockSource, 'list'> = {
    async *list(): AsyncGenerator<BlockPage> {
      for (let page = 0; page < pages; page += 1) {
        const blocks = Array.from({ length: 1_000 }, (_, at) => ({
          index: 1_000 * page + at,
          token: 'token',
        }));
        listed += blocks.length;
        most = Math.max(most, listed - written);
        yield { bytes: pages * 1_000 * 2 ** 19, blockBytes: 2 ** 19, blocks };
      }
    },
  };
  const put = harness.work.put.bind(harness.work);
  harness.work.put = async (name, body) => {
    if (name.includes('/blocks/'))
      written += (JSON.parse(Buffer.from(body).toString()) as BlockShard).blocks.length;
    await put(name, body);
  };

  const step = await listBlocks(harness.services, keys, plan, {
    source: source as BlockSource,
    volumes: [{ volume: 'vol-1', snapshot: 'snap-1' }],
    shouldStop: () => false,
  });

  expect(step.done && step.shards.length).toBe(98);
  expect(written).toBe(200_000);
  // A shard, and a page.
  expect(most).toBeLessThanOrEqual(2_048 + 1_000 + 1_000 + 64);
});
