import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { packKey } from '../../src/manifest/pack-map.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { PackOwners } from '../../src/usage/pack-owners.ts';

test('remembers who needs a pack, each owner once', () => {
  const owners = new PackOwners();
  const [one, two] = ['a', 'b'].map((digit) => digit.repeat(32) as PackId) as [PackId, PackId];

  for (const owner of [3, 1, 3]) owners.add(one, owner);
  owners.add(two, 1, 'GLACIER');

  expect([...owners.packs]).toEqual([
    [one, { owners: [3, 1], archiveClass: undefined }],
    [two, { owners: [1], archiveClass: 'GLACIER' }],
  ]);
  expect(owners).toMatchObject({ share: 1, range: {} });
});

test('never holds more than its bound, and then stands for all by a fair sample', () => {
  const random = new SeededRandom('owners');
  const owners = new PackOwners(1_000);
  const count = 50_000;

  for (let at = 0; at < count; at += 1) {
    owners.add(newId<PackId>(random), at % 2);
    expect(owners.packs.size).toBeLessThanOrEqual(1_000);
  }

  const estimate = owners.packs.size / owners.share;
  expect(owners.share).toBeLessThan(1 / 32);
  expect(Math.abs(estimate / count - 1)).toBeLessThan(0.2);
  for (const packId of owners.packs.keys())
    expect(Buffer.compare(packKey(packId), owners.range.to ?? Buffer.alloc(0))).toBeLessThan(0);
});
