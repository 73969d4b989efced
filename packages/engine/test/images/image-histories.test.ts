import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/bytes.ts';
import type { PointId, ResourceArn } from '../../src/ids.ts';
import { isEntryKey } from '../../src/manifest/tuple-key.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import { diffVolumes } from '../../src/restore/diff-volumes.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { isDamaged, verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, logicalPartsOf, packMapOf } from '../runs/harness.ts';
import { seedsOf } from '../thoroughness.ts';
import { Dice } from '../runs/random-changes.ts';
import { blockBytes, ImageHarness, readVolumes } from './image-harness.ts';

const limitsToTry = [
  { blocks: 1, extents: 1 },
  { blocks: 10, extents: 3 },
  { blocks: 64, extents: 65_536 },
  { blocks: 2_048, extents: 65_536 },
];

const steps: readonly BackupType[] = [
  'full',
  'incremental',
  'differential',
  'synthetic-full',
  'incremental',
  'differential',
];

/** Writes, rewrites, zeroes and trims blocks of the volumes; now and then adds, grows, replaces or detaches one. */
function changeVolumes(harness: ImageHarness, dice: Dice, changes: number): void {
  const { disks, volumes } = harness;
  for (let change = 0; change < changes; change += 1) {
    if (volumes.length === 0) harness.addVolume(1 + dice.below(300));
    const volume = dice.pick(volumes);
    const blocks = disks.sizeOf(volume) / blockBytes;
    const index = dice.below(blocks);
    const written = disks.writtenIn(volume);
    const known = written.length === 0 ? index : dice.pick(written);
    switch (dice.below(60)) {
      case 0:
        if (volumes.length < 4) harness.addVolume(1 + dice.below(300));
        break;
      case 1:
        disks.grow(volume, (blocks + dice.below(100)) * blockBytes);
        break;
      case 2:
        disks.makeVolume(blocks * blockBytes, volume);
        break;
      case 3:
        volumes.splice(volumes.indexOf(volume), 1);
        break;
      case 4:
      case 5:
      case 6:
      case 7:
        disks.trim(volume, known);
        break;
      case 8:
      case 9:
      case 10:
      case 11:
        disks.write(volume, known, new Uint8Array(blockBytes));
        break;
      case 12:
      case 13:
        disks.write(volume, index, new Uint8Array(blockBytes).fill(1 + dice.below(3)));
        break;
      default:
        for (let at = index; at < Math.min(blocks, index + dice.below(8)); at += 1)
          disks.write(volume, at, dice.bytes(blockBytes));
    }
  }
}

async function expectConsistent(harness: ImageHarness, { root }: CommittedPoint): Promise<void> {
  const reader = await harness.open(root.point);
  const mapped = await packMapOf(reader);
  expect(
    new Map(mapped.map(({ packId, references, liveBytes }) => [packId, { references, liveBytes }])),
  ).toEqual(await countReferences(reader));
  for (const [name, until] of await harness.locksOf(root))
    expect(until.getTime(), name).toBeGreaterThanOrEqual(Date.parse(root.expiresAt));
}

describe('a history of writes to the volumes of an image and backups of all types', () => {
  test.each(seedsOf(4))('has in every point what the volumes were, seed %i', async (seed) => {
    const harness = new ImageHarness(seed);
    const dice = new Dice(new SeededRandom(`image history ${seed}`));
    const limits = limitsToTry[seed % limitsToTry.length];
    const shouldStop = (): boolean => dice.below(3) === 0;
    const made = new Map<PointId, ReadonlyMap<string, Uint8Array>>();
    changeVolumes(harness, dice, 60);

    for (const type of steps) {
      const committed = await harness.backUpImage(type, { limits, shouldStop });
      const { root } = committed;
      const before = [...made.values()].at(-1);
      const expected =
        type === 'synthetic-full' && before !== undefined ? before : harness.contentsOf(root.run);
      made.set(root.point, expected);

      expect(root.type).toBe(type);
      expect(root.counts.files).toBe(expected.size);
      await expectConsistent(harness, committed);
      if (type === 'incremental') await expectCanonical(harness, committed);
      if (dice.below(4) === 0)
        for (const { snapshot } of root.image?.snapshots ?? []) harness.disks.removeSnapshot(snapshot);
      changeVolumes(harness, dice, 1 + dice.below(30));
    }

    let before: PointReader | undefined;
    for (const [point, expected] of made) {
      const reader = await harness.open(point);
      if (before !== undefined) {
        const differences = await Array.fromAsync(diffVolumes(before, reader));
        const old = made.get(before.root.point) ?? new Map<string, Uint8Array>();
        expect(new Map(differences.map(({ volume, blocks }) => [volume, blocks]))).toEqual(
          differencesOf(old, expected),
        );
      }
      before = reader;
      expect(await readVolumes(reader), point).toEqual(expected);
      const verified = await verifyPoint(reader);
      expect(isDamaged(verified), JSON.stringify(verified)).toBe(false);
      expect(verified.files).toBe(expected.size);
    }
  });
});

/** The volumes that differ in size or content, and the number of their blocks that do. */
function differencesOf(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, number> {
  const differing = new Map<string, number>();
  for (const volume of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(volume), after.get(volume)];
    const bytes = Math.max(old?.length ?? 0, now?.length ?? 0);
    let blocks = 0;
    for (let at = 0; at < bytes; at += blockBytes)
      if (!Buffer.from(blockAt(old, at)).equals(blockAt(now, at))) blocks += 1;
    if (blocks > 0 || old?.length !== now?.length) differing.set(volume, blocks);
  }
  return differing;
}

/** A block, of zeros where there is none. */
function blockAt(content: Uint8Array | undefined, at: number): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(content?.subarray(at, at + blockBytes) ?? []);
  return block;
}

/** One state has one manifest, whichever way it was made. */
async function expectCanonical(harness: ImageHarness, { root }: CommittedPoint): Promise<void> {
  const arn = `${harness.arn}-again-${root.point}` as ResourceArn;
  const whole = await harness.backUpImage('full', { arn, like: root.run, isolated: true });

  const parts = await extentsOf(await harness.open(whole.root.point, arn));

  expect(await extentsOf(await harness.open(root.point))).toEqual(parts);
}

async function extentsOf(reader: PointReader): Promise<readonly (readonly [string, string])[]> {
  const parts = await logicalPartsOf(reader);
  return parts.filter(([key]) => !isEntryKey(fromHex(key)));
}
