import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import type { ChunkId, PackId } from '../../src/ids.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { packName } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import { diffPoints } from '../../src/restore/browse.ts';
import { backUpFiles } from '../../src/runs/back-up-files.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { leasePolicyFor, leaseUntilFor } from '../../src/runs/generation.ts';
import { day, describeState, Harness, packMapOf } from './harness.ts';
import {
  damageFrames,
  expectConsistent,
  expectWhole,
  fillPack,
  oldPaths,
  pathOf,
  withMostlyDeadPack,
} from './mostly-dead.ts';

async function lockOf(harness: Harness, { packId, retentionClass }: PackRow): Promise<Date | undefined> {
  return (await harness.store.head(packName(retentionClass, packId))).lock?.until;
}

async function packsOf(harness: Harness, { root }: CommittedPoint): Promise<PackId[]> {
  return (await packMapOf(await harness.open(root.point))).map(({ packId }) => packId);
}

/** The chunks that a point has of a path. */
async function chunksOf(
  harness: Harness,
  { root }: CommittedPoint,
  path: string,
): Promise<{ id: ChunkId; packId: PackId }[]> {
  const reader = await harness.open(root.point);
  const chunks: { id: ChunkId; packId: PackId }[] = [];
  for await (const entry of reader.manifest.range()) {
    const key = decodeFileKey(entry.key, 'a test');
    if (key.offset === undefined || Buffer.from(key.path).toString() !== path) continue;
    for (const { id, location } of decodeExtent(entry, 'a test').chunks)
      chunks.push({ id, packId: location.packId });
  }
  return chunks;
}

describe('a pack of which less than half is used when its lease would have to be extended', () => {
  test('has what is used copied out of the vault, and is not extended', async () => {
    const { harness, pack } = await withMostlyDeadPack('copied');
    const before = await lockOf(harness, pack);
    const opened = harness.source.opened.length;

    const next = await harness.backUp('incremental');

    expect(await lockOf(harness, pack)).toEqual(before);
    expect(harness.catalog.packRows().find(({ packId }) => packId === pack.packId)?.lockUntil).toEqual(
      before,
    );
    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    expect(harness.source.opened.length).toBe(opened);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });

  test('is no change: nothing counts as changed, read or new, and comparing the points shows nothing', async () => {
    const { harness, last } = await withMostlyDeadPack('unchanged');

    const next = await harness.backUp('incremental');

    expect(next.root.counts).toMatchObject({ filesChanged: 0, filesRemoved: 0, readBytes: 0, newBytes: 0 });
    expect(next.root.counts.storedBytes).toBeGreaterThan(0);
    const differences = diffPoints(await harness.open(last.root.point), await harness.open(next.root.point));
    expect(await Array.fromAsync(differences)).toEqual([]);
  });

  test('goes on to serve the points that were made with it, and nobody finds its chunks there any more', async () => {
    const { harness, full, states, pack } = await withMostlyDeadPack('index');
    const before = await chunksOf(harness, full, 'file 13');
    expect(before.map(({ packId }) => packId)).toEqual([pack.packId]);

    const next = await harness.backUp('incremental');

    const found = await harness.index.find(before.map(({ id }) => id));
    const now = await chunksOf(harness, next, 'file 13');
    expect([...found.values()].map(({ packId }) => packId)).toEqual(now.map(({ packId }) => packId));
    expect(now[0]?.packId).not.toBe(pack.packId);
    const { state } = await harness.restore(full.root.point);
    expect(describeState(state)).toEqual(describeState(states.get(full.root.point) ?? new Map()));
  });

  test('is what an extent gives up that has chunks in other packs too', async () => {
    const { harness, last, pack } = await withMostlyDeadPack('several chunks');
    const before = await chunksOf(harness, last, 'large');
    expect(new Set(before.map(({ packId }) => packId === pack.packId))).toEqual(new Set([true, false]));

    const next = await harness.backUp('incremental');

    const after = await chunksOf(harness, next, 'large');
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    for (const [at, { packId }] of before.entries()) {
      if (packId !== pack.packId) expect(after[at]?.packId).toBe(packId);
      else expect(after[at]?.packId).not.toBe(packId);
    }
    await expectWhole(harness, next);
  });

  test('is extended where the policy says that nothing is copied', async () => {
    const { harness, pack } = await withMostlyDeadPack('off');

    const next = await backUpWith(harness, { copyBelow: 0 });

    expect(await packsOf(harness, next)).toContain(pack.packId);
    expect((await lockOf(harness, pack))?.getTime()).toBeGreaterThanOrEqual(Date.parse(next.root.expiresAt));
  });

  test('is extended when its lock might end before the run does', async () => {
    const { harness, pack } = await withMostlyDeadPack('ending');

    const next = await backUpWith(harness, { slackHours: 24 * 60 });

    expect(await packsOf(harness, next)).toContain(pack.packId);
    await expectConsistent(harness, next);
  });

  test('has its files read from the source when its bytes are lost, and only those', async () => {
    const { harness, pack } = await withMostlyDeadPack('damaged');
    await damageFrames(harness, pack);
    const opened = harness.source.opened.length;

    const next = await harness.backUp('incremental');

    expect(harness.source.opened.slice(opened).sort()).toEqual(oldPaths);
    expect(next.root.counts.filesChanged).toBe(0);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });

  test('loses a file whose bytes are lost and which the source denies, with a warning', async () => {
    const { harness, pack } = await withMostlyDeadPack('lost');
    await damageFrames(harness, pack);
    harness.source.trap('file 13', 'deny');

    const next = await harness.backUp('incremental');

    expect(next.root).toMatchObject({
      warnings: 1,
      warningList: [{ path: 'file 13', reason: 'denied' }],
      counts: { files: 16 },
    });
    await expectConsistent(harness, next);
  });

  test('is extended after all for a file that changed and cannot be read', async () => {
    const { harness, pack, last } = await withMostlyDeadPack('carried');
    const before = await harness.restore(last.root.point);
    harness.source.plant('file 13', 'changed');
    harness.source.trap('file 13', 'deny');

    const next = await harness.backUp('incremental');

    expect(next.root).toMatchObject({ warnings: 1, counts: { files: 17 } });
    expect(await packsOf(harness, next)).toContain(pack.packId);
    await expectConsistent(harness, next);
    const { state, outcome } = await harness.restore(next.root.point);
    expect(outcome.failed).toEqual([]);
    const path = Buffer.from(utf8('file 13')).toString('hex');
    expect(state.get(path)?.content).toEqual(before.state.get(path)?.content);
  });

  test('has the content of files copied whose tags alone changed', async () => {
    const { harness, pack } = await withMostlyDeadPack('retagged');
    const before = await harness.snapshotOfPath(utf8('file 13'));
    harness.source.plant('file 13', before?.content, { ...before?.entry, tags: { owner: 'b' } });

    const next = await harness.backUp('incremental');

    expect(next.root.counts).toMatchObject({ filesChanged: 1, readBytes: 0 });
    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    await expectWhole(harness, next);
  });

  test('does not serve a full either', async () => {
    const { harness, pack } = await withMostlyDeadPack('full');

    const next = await harness.backUp('full');

    expect(await packsOf(harness, next)).not.toContain(pack.packId);
    expect(await lockOf(harness, pack)).toEqual(pack.lockedUntil);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  });
});

test('a pack of which more than half is used is extended, not copied', async () => {
  const { harness, pack } = await withMostlyDeadPack('alive', 4);

  const next = await harness.backUp('incremental');

  expect(await packsOf(harness, next)).toContain(pack.packId);
  expect((await lockOf(harness, pack))?.getTime()).toBeGreaterThanOrEqual(Date.parse(next.root.expiresAt));
  await expectConsistent(harness, next);
});

test('a differential copies what the full of its chain has in a mostly dead pack', async () => {
  const harness = new Harness('differential');
  const { pack } = await fillPack(harness);
  for (let file = 0; file < 12; file += 1) harness.source.remove(pathOf(file));
  harness.source.remove('large');
  const chain = await harness.backUp('full');
  harness.clock.advance(31 * day);

  const next = await harness.backUp('differential');

  expect(next.root).toMatchObject({ type: 'differential', base: chain.root.point });
  expect(await packsOf(harness, next)).not.toContain(pack.packId);
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

test('a synthetic full extends nothing of its base: it only reads it', async () => {
  const { harness } = await withMostlyDeadPack('synthetic', 12, 18);
  const latestExpiry = leaseUntilFor(harness.clock.now(), 35);
  expect(harness.catalog.packRows().filter(({ lockUntil }) => lockUntil < latestExpiry)).not.toEqual([]);
  const locks = new Map(harness.catalog.packRows().map(({ packId, lockUntil }) => [packId, lockUntil]));

  const next = await harness.backUp('synthetic-full');

  for (const { packId, lockUntil } of harness.catalog.packRows())
    expect(lockUntil).toEqual(locks.get(packId) ?? lockUntil);
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

async function backUpWith(
  harness: Harness,
  policy: Partial<ReturnType<typeof leasePolicyFor>>,
): Promise<CommittedPoint> {
  const { source, services } = harness;
  const leasePolicy = { ...leasePolicyFor(35), ...policy };
  return backUpFiles(services, { ...harness.request('incremental'), leasePolicy }, { source });
}
