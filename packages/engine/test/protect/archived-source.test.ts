import { describe, expect, test } from 'vitest';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import { isDegraded } from '../../src/points/unread.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, day, Harness, logicalPartsOf, packMapOf } from '../runs/harness.ts';

/** A source that has been backed up, and of which an object goes into an archive class then. */
async function withArchived() {
  const harness = new Harness('archived');
  const { source, random } = harness;
  const cold = random.bytes(3_000_000);
  const { modifiedMs } = source.plant('cold', cold, { tags: { team: 'a' }, userMetadata: { n: '1' } });
  source.plant('warm', random.bytes(2_000));
  const before = await harness.backUp('full');
  source.trap('cold', 'archive');
  return { harness, before, cold, modifiedMs };
}

async function packsOf(harness: Harness, { root }: CommittedPoint): Promise<ReadonlySet<string>> {
  return new Set((await packMapOf(await harness.open(root.point))).map(({ packId }) => packId));
}

async function expectWhole(harness: Harness, before: CommittedPoint, made: CommittedPoint): Promise<void> {
  const reader = await harness.open(made.root.point);
  expect(await logicalPartsOf(reader)).toEqual(await logicalPartsOf(await harness.open(before.root.point)));
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
  expect((await harness.restore(made.root.point)).outcome).toMatchObject({
    written: 2,
    failed: [],
    carried: [],
  });
  const counted = await countReferences(reader);
  for (const { packId, references, liveBytes } of await packMapOf(reader))
    expect(counted.get(packId)).toEqual({ references, liveBytes });
  for (const until of (await harness.locksOf(made.root)).values())
    expect(until.getTime()).toBeGreaterThanOrEqual(Date.parse(made.root.expiresAt));
}

describe('an object that went into an archive class since the last backup', () => {
  test('keeps its bytes in a full, under the leases of the packs that have them, and the point says so', async () => {
    const { harness, before } = await withArchived();

    const made = await harness.backUp('full');

    await expectWhole(harness, before, made);
    expect(isDegraded(made.root)).toBe(false);
    expect(made.root.warningList).toEqual([
      {
        path: 'cold',
        reason: 'unreadable',
        message: `"cold" is in an archive class; this point has the same version out of ${before.root.point}, and its bytes were not read anew`,
      },
    ]);
    expect(made.root.counts.readBytes).toBe(2_000);
    expect(await packsOf(harness, made)).toEqual(await packsOf(harness, before));
  });

  test('is copied out of the vault into an isolated full, which shares no pack', async () => {
    const { harness, before } = await withArchived();

    const made = await harness.backUp('full', { isolated: true });

    await expectWhole(harness, before, made);
    expect((await packsOf(harness, made)).isDisjointFrom(await packsOf(harness, before))).toBe(true);
  });

  test.each<BackupType>(['full', 'incremental', 'differential'])(
    'keeps them in the %s after a full that took them over',
    async (type) => {
      const { harness, before } = await withArchived();
      await harness.backUp('full');
      harness.clock.advance(day);

      const made = await harness.backUp(type);

      await expectWhole(harness, before, made);
      expect(isDegraded(made.root)).toBe(false);
    },
  );

  test('keeps them in a differential whose base is older than the object', async () => {
    const harness = new Harness('new since the full');
    harness.source.plant('warm', 'x');
    await harness.backUp('full');
    harness.source.plant('cold', harness.random.bytes(50_000));
    const before = await harness.backUp('incremental');
    harness.source.trap('cold', 'archive');

    const made = await harness.backUp('differential');

    await expectWhole(harness, before, made);
    expect(isDegraded(made.root)).toBe(false);
  });

  test('has the tags that it has now', async () => {
    const { harness, cold, modifiedMs } = await withArchived();
    harness.source.plant('cold', cold, { tags: { team: 'b' }, modifiedMs });

    const made = await harness.backUp('full');

    const { state } = await harness.restore(made.root.point);
    expect([...state.values()].map(({ entry }) => entry.tags)).toContainEqual({ team: 'b' });
  });

  test('that changed before it was archived is carried as it was, and the full is degraded', async () => {
    const { harness, before } = await withArchived();
    harness.clock.advance(day);
    harness.source.plant('cold', 'changed, and never read');

    const made = await harness.backUp('full');

    expect(made.root.unread).toEqual({ carried: 1, missing: 0 });
    expect((await harness.restore(made.root.point)).outcome.carried).toEqual([
      { path: 'cold', from: before.root.point },
    ]);
  });

  test('is missing where no point has it', async () => {
    const harness = new Harness('never read');
    harness.source.plant('warm', 'x');
    harness.source.plant('cold', 'x');
    harness.source.trap('cold', 'archive');

    const made = await harness.backUp('full');

    expect(made.root.unread).toEqual({ carried: 0, missing: 1 });
  });

  test('is copied out of a pack that cannot be leased', async () => {
    const { harness, before } = await withArchived();
    const packs = await packsOf(harness, before);
    for (const packId of packs) await harness.catalog.packs.markDamaged(packId as never);

    const copied = await harness.backUp('full');
    await expectWhole(harness, before, copied);
    expect((await packsOf(harness, copied)).isDisjointFrom(packs)).toBe(true);
  });
});
