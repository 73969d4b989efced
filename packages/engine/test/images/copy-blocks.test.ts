import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import { volumeEntries } from '../../src/manifest/volume-entries.ts';
import { groupShards, joinGroup } from '../../src/protect/join-group.ts';
import { joinSomeShards } from '../../src/protect/join-shards.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { BlockSource } from '../../src/ports/block-source.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { isDamaged, verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, day, packMapOf } from '../runs/harness.ts';
import { damageFrames, expectConsistent } from '../runs/mostly-dead.ts';
import { blockBytes, ImageHarness, readVolumes } from './image-harness.ts';

const random = (harness: ImageHarness): Uint8Array => harness.random.bytes(blockBytes);

/** An instance of one volume with blocks all over it. */
function withVolume(seed: string, written = 300): { harness: ImageHarness; volume: string } {
  const harness = new ImageHarness(seed);
  const volume = harness.addVolume(2_000);
  for (let at = 0; at < written; at += 1) harness.disks.write(volume, 5 * at, random(harness));
  return { harness, volume };
}

async function expectWhole(harness: ImageHarness, { root }: CommittedPoint): Promise<void> {
  const reader = await harness.open(root.point);
  expect(await readVolumes(reader)).toEqual(harness.contentsOf(root.run));
  expect(isDamaged(await verifyPoint(reader))).toBe(false);
}

async function packsOf(harness: ImageHarness, { root }: CommittedPoint) {
  return (await packMapOf(await harness.open(root.point))).map(({ packId }) => packId);
}

describe('a block', () => {
  test('of zeros is not stored, and neither is one that is as the base has it', async () => {
    const { harness, volume } = withVolume('zeros');
    const full = await harness.backUpImage('full');
    harness.disks.write(volume, 0, new Uint8Array(blockBytes));
    harness.disks.write(volume, 1_999, new Uint8Array(blockBytes));
    const [{ snapshot } = { snapshot: '' }] = harness.snapshotsOf(full.root.run);
    harness.disks.write(volume, 5, harness.disks.contentOf(snapshot).slice(5 * blockBytes, 6 * blockBytes));

    const next = await harness.backUpImage('incremental');

    expect(full.root.counts).toMatchObject({ readBytes: 300 * blockBytes, newBytes: 300 * blockBytes });
    expect(next.root.counts).toMatchObject({ readBytes: 3 * blockBytes, newBytes: 0 });
    expect(await packsOf(harness, next)).toEqual(await packsOf(harness, full));
    await expectWhole(harness, next);
  });

  test('that the vault has from elsewhere is not stored again', async () => {
    const { harness, volume } = withVolume('moved');
    const full = await harness.backUpImage('full');
    const [{ snapshot } = { snapshot: '' }] = harness.snapshotsOf(full.root.run);
    harness.disks.write(volume, 1_777, harness.disks.contentOf(snapshot).slice(0, blockBytes));

    const next = await harness.backUpImage('incremental');

    expect(next.root.counts).toMatchObject({ readBytes: blockBytes, newBytes: 0 });
    await expectWhole(harness, next);
  });

  test('is hashed by its source alone', async () => {
    const { harness } = withVolume('hashes');
    const opened = await openRun(harness.services, harness.requestImage('full'));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;
    let hashed = 0;
    const chunkId = keys.chunkId.bind(keys);
    keys.chunkId = (plain) => {
      hashed += 1;
      return chunkId(plain);
    };

    for (const shard of await harness.listImage(plan, keys)) await harness.copyShard(plan, keys, shard);

    expect(hashed).toBe(0);
  });
});

describe('a token that is too old', () => {
  test('has the blocks listed again', async () => {
    const { harness, volume } = withVolume('old');
    await harness.backUpImage('full');
    for (const index of [3, 500, 1_900]) harness.disks.write(volume, index, random(harness));
    harness.disks.trim(volume, 10);
    const opened = await openRun(harness.services, harness.requestImage('incremental'));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;
    const shards = await harness.listImage(plan, keys);
    harness.clock.advance(8 * day);
    const read = harness.disks.counts.read;

    for (const shard of shards) await harness.copyShard(plan, keys, shard);
    const next = await harness.commitImage(plan, keys, shards.length);

    expect(harness.disks.counts.read - read).toBe(3);
    await expectWhole(harness, next);
  });
});

describe('a shard', () => {
  test('that runs twice at the same time leaves one consistent result', async () => {
    const { harness } = withVolume('twice');
    const opened = await openRun(harness.services, harness.requestImage('full', { isolated: true }));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;
    const shards = await harness.listImage(plan, keys, { limits: { blocks: 60, extents: 10 } });

    await Promise.all([...shards, ...shards].map(async (shard) => harness.copyShard(plan, keys, shard)));
    const made = await harness.commitImage(plan, keys, shards.length);

    expect(shards.length).toBeGreaterThan(3);
    await expectConsistent(harness, made);
    await expectWhole(harness, made);
  });

  test('is as right when it is of another listing of the same run', async () => {
    const { harness, volume } = withVolume('listings');
    await harness.backUpImage('full');
    for (let index = 0; index < 2_000; index += 90) harness.disks.write(volume, index, random(harness));
    const opened = await openRun(harness.services, harness.requestImage('incremental'));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;
    const few = await harness.listImage(plan, keys);
    for (const shard of few) await harness.copyShard(plan, keys, shard);

    const many = await harness.listImage(plan, keys, { limits: { blocks: 3, extents: 10 } });
    for (const shard of many) await harness.copyShard(plan, keys, shard);
    const made = await harness.commitImage(plan, keys, many.length);

    expect(many.length).toBeGreaterThan(few.length);
    await expectWhole(harness, made);
    const mapped = (await packMapOf(await harness.open(made.root.point))).map(
      ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
    );
    expect(new Map(mapped)).toEqual(await countReferences(await harness.open(made.root.point)));
  });

  test('of many is joined in groups', async () => {
    const { harness } = withVolume('groups', 400);
    const opened = await openRun(harness.services, harness.requestImage('full'));
    if (opened.state === 'over') throw new Error('the run is over');
    const { services } = harness;
    const { plan, keys } = opened;
    const shards = await harness.listImage(plan, keys, { limits: { blocks: 1, extents: 10 } });
    for (const shard of shards) await harness.copyShard(plan, keys, shard);
    const groups = [0, 16].map((first, index) => ({
      index,
      first,
      count: Math.min(16, shards.length - first),
    }));
    for (const group of groups) await joinGroup(services, keys, plan, group);

    const step = await joinSomeShards(services, keys, plan, shards.length, {
      groupCount: groups.length,
      shouldStop: () => false,
    });
    if (!step.done) throw new Error('the join stopped');
    const made = await commitPoint(services, keys, plan, async () => ({
      ...step.content,
      image: { snapshots: [] },
    }));

    expect(groupShards(shards.length)).toEqual([]);
    expect(shards.length).toBeGreaterThan(16);
    await expectWhole(harness, made);
  });
});

function firstPack({ catalog }: ImageHarness): PackRow {
  return catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
}

/** A volume most of whose first pack is not needed any more when its lease would have to be extended. */
async function withMostlyDeadPack(seed: string) {
  const { harness, volume } = withVolume(seed);
  await harness.backUpImage('full');
  const pack = firstPack(harness);
  harness.clock.advance(day);
  for (let at = 0; at < 220; at += 1) harness.disks.write(volume, 5 * at, random(harness));
  const last = await harness.backUpImage('incremental');
  harness.clock.advance(30 * day);
  harness.disks.write(volume, 1_250, random(harness));
  return { harness, volume, pack, last };
}

describe('a base whose packs are not what they were', () => {
  test('has the blocks of a marked pack read again, and no others', async () => {
    const { harness, volume } = withVolume('marked');
    const shards = { limits: { blocks: 100, extents: 65_536 } };
    const full = await harness.backUpImage('full', shards);
    const pack = firstPack(harness);
    await harness.catalog.packs.markDamaged(pack.packId);
    const { references } =
      (await countReferences(await harness.open(full.root.point))).get(pack.packId) ?? {};
    const readBefore = harness.disks.counts.read;
    harness.disks.write(volume, 1_999, random(harness));

    const next = await harness.backUpImage('incremental', shards);

    expect(references).toBeGreaterThan(50);
    expect(harness.disks.counts.read - readBefore).toBe((references ?? 0) + 1);
    expect(next.root.counts.readBytes).toBe(((references ?? 0) + 1) * blockBytes);
    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });

  test('has what is used of a mostly dead pack copied out of the vault', async () => {
    const { harness, pack, last } = await withMostlyDeadPack('mostly dead');
    const read = harness.disks.counts.read;

    const next = await harness.backUpImage('incremental');

    expect(await packsOf(harness, last)).toContain(pack.packId);
    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    expect(harness.disks.counts.read - read).toBe(1);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });

  test('has it read from the snapshot where its bytes are lost', async () => {
    const { harness, pack } = await withMostlyDeadPack('lost');
    await damageFrames(harness, pack);
    const read = harness.disks.counts.read;

    const next = await harness.backUpImage('incremental');

    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    expect(harness.disks.counts.read - read).toBe(80);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });

  test.each(['marked', 'lost'])(
    'has all blocks read, and the point says why, where a %s pack has a block that the snapshot does not list',
    async (how) => {
      const { harness, volume, pack } = await withMostlyDeadPack(how);
      if (how === 'lost') await damageFrames(harness, pack);
      else await harness.catalog.packs.markDamaged(pack.packId);
      const unlisting: BlockSource = {
        list: async function* (...of) {
          for await (const page of harness.disks.list(...of))
            yield { ...page, blocks: page.blocks.filter(({ index }) => index !== 1_105) };
        },
        listChanged: (...of) => harness.disks.listChanged(...of),
        read: async (...of) => harness.disks.read(...of),
      };

      const next = await harness.backUpImage('incremental', { source: unlisting });

      const reader = await harness.open(next.root.point);
      const [entry] = await Array.fromAsync(volumeEntries(reader.manifest));
      expect(entry?.fullReason).toMatch(
        /^it cannot be compared with snapshot .*: block 1105 has content there/,
      );
      const expected = harness.contentsOf(next.root.run).get(volume);
      expected?.fill(0, 1_105 * blockBytes, 1_106 * blockBytes);
      expect((await readVolumes(reader)).get(volume)).toEqual(expected);
      await expectConsistent(harness, next);
    },
  );

  test('has shards cut by what is copied, too', async () => {
    const { harness } = await withMostlyDeadPack('cut');
    const opened = await openRun(harness.services, harness.requestImage('incremental'));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;

    const shards = await harness.listImage(plan, keys, { limits: { blocks: 20, extents: 65_536 } });

    expect(plan.copiedPacks).toHaveLength(1);
    expect(shards.length).toBeGreaterThan(2);
  });
});

describe('the base of a run that copies blocks', () => {
  test('is no point of snapshots alone: the run is a full, and says why', async () => {
    const { harness } = withVolume('snapshots');
    const { services } = harness;
    const opened = await openRun(services, harness.requestImage('full', { blocks: false }));
    if (opened.state === 'over') throw new Error('the run is over');
    const { plan, keys } = opened;
    const content = {
      counts: {
        files: 1,
        filesChanged: 1,
        filesRemoved: 0,
        logicalBytes: 1,
        readBytes: 0,
        newBytes: 0,
        storedBytes: 0,
      },
      warnings: [],
      unread: { carried: 0, missing: 0 },
      pagePacks: [],
      pagePacksCounted: 0,
      image: { snapshots: [] },
    };
    const before = await commitPoint(services, keys, plan, async () => content);

    const runId = newId<RunId>(harness.random);
    const next = await harness.backUpImage('incremental', { runId });

    expect(next.root.type).toBe('full');
    expect((await harness.catalog.runs.find(runId))?.typeReason).toBe(
      `the base ${before.root.point} has snapshots alone, and no blocks in the vault`,
    );
    await expectWhole(harness, next);
  });

  test('is trusted by no full, which reads every block', async () => {
    const { harness } = withVolume('full');
    await harness.backUpImage('full');

    const next = await harness.backUpImage('full');

    expect(next.root.base).toBeUndefined();
    expect(next.root.counts).toMatchObject({ readBytes: 300 * blockBytes, newBytes: 0 });
  });

  test('shares no pack with an isolated full', async () => {
    const { harness } = withVolume('isolated');
    const full = await harness.backUpImage('full');

    const isolated = await harness.backUpImage('full', { isolated: true });

    const before = new Set(await packsOf(harness, full));
    expect((await packsOf(harness, isolated)).filter((packId) => before.has(packId))).toEqual([]);
    await expectWhole(harness, isolated);
  });
});

test('a few changed blocks write few pages, and the others are taken over', async () => {
  const { harness, volume } = withVolume('pages', 0);
  harness.disks.grow(volume, 64_000 * blockBytes);
  for (let index = 0; index < 64_000; index += 4) harness.disks.write(volume, index, random(harness));
  const full = await harness.backUpImage('full');
  const pages = full.root.counts.storedBytes - full.root.counts.newBytes;
  for (let index = 0; index < 64_000; index += 6_400) harness.disks.write(volume, index, random(harness));

  const { counts } = (await harness.backUpImage('incremental')).root;

  expect(counts.readBytes).toBe(10 * blockBytes);
  expect(counts.storedBytes - counts.newBytes).toBeLessThan(pages / 5);
});
