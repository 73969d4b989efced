import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { UnknownNameError, VolumeDamagedError } from '../../src/errors.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import type { Root } from '../../src/points/root.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { getVolume, listVolumes } from '../../src/restore/point-volumes.ts';
import { restoreVolume, type RestoreVolumeOptions } from '../../src/restore/restore-volume.ts';
import { VolumeBlocks } from '../../src/restore/volume-blocks.ts';
import {
  FakeClock,
  makeMemoryServices,
  MemoryVolume,
  type PlantedVolume,
  putImagePoint,
  SeededRandom,
} from '../../src/testing/index.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { Harness } from '../runs/harness.ts';

const blockBytes = 4096;

/** A volume of which only some blocks have content; some of those are the same. */
function sparse(
  seed: number,
  blocks: number,
  filled: readonly number[],
  volume = 'vol-0a',
  rest = 0,
): PlantedVolume {
  const random = new SeededRandom(`volume ${seed}`);
  const content = new Uint8Array(blocks * blockBytes + rest);
  for (const index of filled) {
    const block = index % 7 === 3 ? new Uint8Array(blockBytes).fill(0xee) : random.bytes(blockBytes);
    content.set(block.subarray(0, content.length - index * blockBytes), index * blockBytes);
  }
  return { volume, content, blockBytes };
}

async function plant(...volumes: readonly PlantedVolume[]) {
  const services = makeMemoryServices(new FakeClock(), new SeededRandom('image'));
  const root = await putImagePoint(services, { volumes });
  return { services, root, reader: await open(services, root) };
}

async function open(
  {
    store,
    keyring,
  }: Pick<ReturnType<typeof makeMemoryServices>, 'keyring'> & { readonly store: ObjectStore },
  root: Root,
): Promise<PointReader> {
  return PointReader.open(store, await openVault({ store, keyring }), root.resource, root.point);
}

async function restore(
  reader: PointReader,
  name: string,
  options: Partial<RestoreVolumeOptions> & { target?: MemoryVolume } = {},
) {
  const volume = await getVolume(reader, name);
  const { target = new MemoryVolume(volume.bytes) } = options;
  return { target, outcome: await restoreVolume(reader, volume, { ...options, target }) };
}

test('a volume comes back byte for byte, whatever is zeros in it, and nothing is written there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1000),
      fc.integer({ min: 1, max: 300 }),
      fc.uniqueArray(fc.nat(299), { maxLength: 120 }),
      fc.integer({ min: 0, max: blockBytes - 1 }),
      fc.integer({ min: 1, max: 5 }),
      async (seed, blocks, wanted, rest, writesAtOnce) => {
        const filled = wanted.filter((index) => index < blocks);
        const planted = sparse(seed, blocks, filled, 'vol-0a', rest);
        const { reader } = await plant(planted, sparse(seed + 1, 3, [1], 'vol-0b'));

        const { target, outcome } = await restore(reader, 'vol-0a', { writesAtOnce });

        expect(Buffer.compare(target.bytes, planted.content)).toBe(0);
        expect(new Set(target.written)).toEqual(new Set(filled.map((index) => index * blockBytes)));
        expect(outcome).toMatchObject({ writtenBlocks: filled.length, sameBlocks: 0, damaged: [] });
      },
    ),
    { numRuns: 12 },
  );
});

test('parts of a volume, one after the other, are all of it and each block once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(199), { maxLength: 80 }),
      fc.uniqueArray(fc.nat(200), { maxLength: 6 }),
      async (filled, cuts) => {
        const planted = sparse(5, 200, filled);
        const { reader } = await plant(planted);
        const target = new MemoryVolume(planted.content.length);

        const ends = [...cuts, 200].sort((a, b) => a - b).map((block) => block * blockBytes);
        let from = 0;
        for (const to of ends) {
          await restore(reader, 'vol-0a', { target, range: { from, to } });
          from = to;
        }

        expect(Buffer.compare(target.bytes, planted.content)).toBe(0);
        expect(target.written).toEqual(filled.map((index) => index * blockBytes).sort((a, b) => a - b));
      },
    ),
    { numRuns: 12 },
  );
});

test('a restore that is stopped says where to go on, and goes on there', async () => {
  const filled = Array.from({ length: 90 }, (_, at) => 2 * at);
  const planted = sparse(1, 200, filled);
  const { reader } = await plant(planted);
  const target = new MemoryVolume(planted.content.length);
  // Small windows: what is being read is written, too.
  const fetch = { windowBytes: blockBytes, windowItems: 1, cacheBytes: 0, runsAtOnce: 1 };

  let from: number | undefined = 0;
  let calls = 0;
  while (from !== undefined) {
    let asked = 0;
    const shouldStop = (): boolean => ++asked > 10;
    from = (await restore(reader, 'vol-0a', { target, range: { from }, shouldStop, fetch })).outcome.next;
    calls += 1;
  }

  expect(calls).toBeGreaterThan(5);
  expect(Buffer.compare(target.bytes, planted.content)).toBe(0);
  expect(target.written).toHaveLength(filled.length);
});

test('blocks that the target has are not read from the vault', async () => {
  const planted = sparse(1, 100, [0, 10, 20, 30, 99]);
  const { services, root } = await plant(planted);
  const content = new Uint8Array(planted.content);
  content.fill(0, 10 * blockBytes, 11 * blockBytes);
  content[20 * blockBytes + 5]! ^= 1;

  const { target, outcome } = await restore(await open(services, root), 'vol-0a', {
    target: new MemoryVolume(content),
  });

  expect(target.written).toEqual([10 * blockBytes, 20 * blockBytes]);
  expect(outcome).toMatchObject({ writtenBlocks: 2, sameBlocks: 3, sameBytes: 3 * blockBytes });
  expect(Buffer.compare(target.bytes, planted.content)).toBe(0);
});

test('little more is read of the vault than the blocks take up, and no frame twice', async () => {
  const block = 512 * 1024;
  const content = new Uint8Array(60 * block);
  const random = new SeededRandom('large');
  for (let index = 0; index < 60; index += 1)
    if (index % 3 !== 0) content.set(random.bytes(block), index * block);
  // The same block far apart: read once.
  content.set(content.subarray(block, 2 * block), 58 * block);
  const { reader } = await plant({ volume: 'vol-0a', content, blockBytes: block });
  const volume = await getVolume(reader, 'vol-0a');
  const runs: { frame: number; length: number }[] = [];
  let fetched = 0;
  const watched = Object.assign(Object.create(PointReader.prototype) as PointReader, reader, {
    readRun: async (...[run, signal]: Parameters<PointReader['readRun']>) => {
      fetched += run.length;
      runs.push(...run.frames);
      return reader.readRun(run, signal);
    },
  });

  await restoreVolume(watched, volume, { target: new MemoryVolume(content.length) });

  const needed = runs.reduce((sum, { length }) => sum + length, 0);
  expect(fetched).toBeLessThanOrEqual(1.1 * needed);
  expect(new Set(runs.map(({ frame }) => frame)).size).toBe(runs.length);
  expect(runs).toHaveLength(39);
});

/** Other bytes in the middle of the largest object of some kind. */
async function damage(services: Awaited<ReturnType<typeof plant>>['services'], prefix: string) {
  const versions = await Array.fromAsync(services.store.listVersions(prefix));
  const { name = '' } = versions.toSorted((one, other) => other.bytes - one.bytes)[0] ?? {};
  const bytes = await services.store.get(name);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  const damaged = new Map([[name, bytes]]);
  return { ...services, store: withDamage(services.store, damaged) };
}

describe('of a damaged vault', () => {
  test('the error names the volume and the byte', async () => {
    const planted = sparse(1, 100, [10, 50, 90]);
    const { services, root } = await plant(planted);
    const broken = await open(await damage(services, 'packs/'), root);

    const restoring = restore(broken, 'vol-0a');

    await expect(restoring).rejects.toThrow(VolumeDamagedError);
    await expect(restoring).rejects.toThrow(
      /^volume vol-0a of point .* from byte (40960|204800|368640) on: /,
    );
  });

  test('the rest of a volume comes back where it is asked for, and what does not is named', async () => {
    const filled = Array.from({ length: 100 }, (_, at) => at);
    const planted = sparse(1, 101, filled);
    const { services, root } = await plant(planted);
    const broken = await open(await damage(services, 'packs/'), root);

    const { target, outcome } = await restore(broken, 'vol-0a', { damage: 'name' });

    expect(outcome.damaged).toHaveLength(1);
    const [stretch] = outcome.damaged;
    expect(stretch).toMatchObject({ bytes: outcome.damagedBytes });
    const expected = new Uint8Array(planted.content);
    expected.fill(0, stretch?.offset, (stretch?.offset ?? 0) + (stretch?.bytes ?? 0));
    expect(Buffer.compare(target.bytes, expected)).toBe(0);
    expect(outcome.writtenBlocks + outcome.damagedBytes / blockBytes).toBe(100);
  });

  test('what a lost page of the manifest had is damaged as well, and never taken for zeros', async () => {
    const small = 64;
    const content = new Uint8Array(6000 * small);
    for (let index = 0; index < 6000; index += 2)
      content.fill(1 + (index % 250), index * small, index * small + 64);
    const { services, root } = await plant({ volume: 'vol-0a', content, blockBytes: small });
    const broken = await open(await damage(services, 'pages/'), root);

    await expect(restore(broken, 'vol-0a')).rejects.toThrow(
      /^volume vol-0a of point .* from byte [1-9]\d+ on: pages\//,
    );
    const { target, outcome } = await restore(broken, 'vol-0a', { damage: 'name' });

    expect(outcome.damaged).toHaveLength(1);
    const { offset = 0, bytes = 0 } = outcome.damaged[0] ?? {};
    expect(bytes).toBeLessThan(content.length / 4);
    const expected = new Uint8Array(content).fill(0, offset, offset + bytes);
    // Blocks at the edge of the stretch may be there.
    for (let at = offset; at < offset + bytes; at += 1)
      if (target.bytes[at] === content[at]) expected[at] = content[at] ?? 0;
    expect(Buffer.compare(target.bytes, expected)).toBe(0);

    // A lost page costs a reader of single blocks those that it names, not their neighbours.
    const blocks = new VolumeBlocks(broken, await getVolume(broken, 'vol-0a'));
    for (let at = 0; at < content.length; at += 22 * small) {
      const reading = Array.fromAsync(blocks.read({ from: at, to: at + small }));
      if (target.bytes[at] === 0) await expect(reading).rejects.toThrow(VolumeDamagedError);
      else expect((await reading)[0]?.bytes).toEqual(content.slice(at, at + small));
    }
  });
});

test('blocks are read here and there as in one go, and their places are looked up once', async () => {
  const filled = Array.from({ length: 90 }, (_, at) => at * 2 + (at % 3));
  const { reader } = await plant(sparse(7, 200, filled, 'vol-0a', 100));
  const volume = await getVolume(reader, 'vol-0a');
  const { target } = await restore(reader, 'vol-0a');
  const looking = vi.spyOn(reader.manifest, 'range');
  const blocks = new VolumeBlocks(reader, volume);
  const content = new Uint8Array(volume.bytes);

  for (let turn = 0; turn < 67; turn += 1) {
    const from = ((turn * 29) % 67) * 3 * blockBytes;
    const to = Math.min(volume.bytes, from + 3 * blockBytes);
    for await (const { block, bytes } of blocks.read({ from, to })) content.set(bytes, block.offset);
  }

  expect(Buffer.compare(content, target.bytes)).toBe(0);
  // 201 blocks lie in four spans of 64.
  expect(looking).toHaveBeenCalledTimes(4);
});

test('an image lists its volumes, and finds them by id and by device', async () => {
  const { reader } = await plant(
    { ...sparse(1, 4, [1]), record: { device: '/dev/xvda' } },
    { ...sparse(2, 9, [], 'vol-0b'), record: { device: '/dev/sdf' } },
  );

  const volumes = await Array.fromAsync(listVolumes(reader));

  expect(volumes.map(({ volume, bytes }) => [volume, bytes])).toEqual([
    ['vol-0a', 4 * blockBytes],
    ['vol-0b', 9 * blockBytes],
  ]);
  expect((await getVolume(reader, '/dev/sdf')).volume).toBe('vol-0b');
  await expect(getVolume(reader, '/dev/xvdz')).rejects.toThrow(
    new UnknownNameError(
      `volume "/dev/xvdz" is not in point ${reader.root.point}; it has vol-0a (/dev/xvda), vol-0b (/dev/sdf)`,
    ),
  );
  await expect(getVolume(reader, undefined)).rejects.toThrow(/^no volume is named; it has vol-0a/);
});

test('points of files, and images without blocks, have no volumes to read', async () => {
  const harness = new Harness('files');
  harness.source.plant('a', 'content');
  const { root } = await harness.backUp('full');

  const files = await harness.open(root.point);
  const { manifest: _manifest, ...withoutBlocks } = (await plant(sparse(1, 2, [1]))).root;

  await expect(getVolume(files, 'vol-0a')).rejects.toThrow(
    /holds files of arn:aws:s3:::photos, and no volumes/,
  );
  await expect(getVolume(new PointReader(files.store, files.keys, withoutBlocks), 'vol-0a')).rejects.toThrow(
    new RegExp('consists of EBS snapshots, whose blocks are not in the vault: snap-0a;'),
  );
});
