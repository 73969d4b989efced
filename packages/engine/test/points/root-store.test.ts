import { encode, rfc8949EncodeOptions } from 'cborg';
import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { ObjectNotFoundError, StoredBytesDamagedError, StoreUnavailableError } from '../../src/errors.ts';
import type { PointId, ResourceArn, RunId } from '../../src/ids.ts';
import { rootName } from '../../src/packs/object-names.ts';
import { isPointId } from '../../src/model/machines/ids.ts';
import { newPointId, resourceKeyOf } from '../../src/points/point-id.ts';
import {
  decodeRoot,
  encodeRoot,
  findRoot,
  putRoot,
  readRoot,
  type StoredRoot,
} from '../../src/points/root-store.ts';
import { decodeRootCbor, encodeRootCbor } from '../../src/points/root-cbor.ts';
import type { Root } from '../../src/points/root.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import { Harness, minute } from '../runs/harness.ts';

async function withRoot(): Promise<{
  harness: Harness;
  root: Root;
  keys: Awaited<ReturnType<Harness['keys']>>;
}> {
  const harness = new Harness('roots');
  harness.source.plant('file', 'content');
  const { root } = await harness.backUp('full');
  return { harness, root, keys: await harness.keys() };
}

describe('a root', () => {
  test('is read back as it was written', async () => {
    const { harness, root, keys } = await withRoot();

    expect(
      await decodeRoot(await encodeRoot(root, keys, harness.random), root.point, keys, 'a root'),
    ).toEqual(root);
    expect((await readRoot(harness.store, keys, harness.arn, root.point)).root).toEqual(root);
  });

  test('has no field for what it does not have', async () => {
    const { root } = await withRoot();
    const bytes = encodeRootCbor({ ...root, image: undefined, base: undefined });

    expect(decodeRootCbor(bytes, 'a root')).toStrictEqual(root);
    expect(bytes).toEqual(encodeRootCbor(root));
  });

  test('is refused with a field that is reserved, or that nobody knows', async () => {
    const { root } = await withRoot();
    for (const field of ['copyOf', 'other']) {
      const bytes = encode(
        { ...root, [field]: {} },
        { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true },
      );
      expect(() => decodeRootCbor(bytes, 'points/a/b')).toThrow(field);
    }
  });

  test('is refused with a value that the format does not know', async () => {
    const { root } = await withRoot();
    const bytes = encode({ ...root, image: undefined }, rfc8949EncodeOptions);

    expect(() => decodeRootCbor(bytes, 'a root')).toThrow(StoredBytesDamagedError);
  });

  test('is refused whichever of its bits is flipped', async () => {
    const { harness, root, keys } = await withRoot();
    const bytes = await encodeRoot(root, keys, harness.random);

    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await expect(decodeRoot(flipped, root.point, keys, 'a root'), `byte ${at}`).rejects.toThrow();
    }
  });

  test('is refused wherever it ends early', async () => {
    const { harness, root, keys } = await withRoot();
    const bytes = await encodeRoot(root, keys, harness.random);

    for (let length = 0; length < bytes.length; length += 7) {
      await expect(decodeRoot(bytes.subarray(0, length), root.point, keys, 'a root')).rejects.toThrow(
        StoredBytesDamagedError,
      );
    }
  });

  test('of another resource is refused', async () => {
    const { harness, root, keys } = await withRoot();
    const other = 'arn:aws:s3:::other' as ResourceArn;
    const bytes = await harness.store.get(rootName(resourceKeyOf(harness.arn), root.point));
    await harness.store.put(rootName(resourceKeyOf(other), root.point), bytes);

    await expect(readRoot(harness.store, keys, other, root.point)).rejects.toThrow(StoredBytesDamagedError);
    await expect(
      readRoot(harness.store, keys, 'arn:aws:s3:::third' as ResourceArn, root.point),
    ).rejects.toThrow(ObjectNotFoundError);
  });
});

/** Writes another root of the resource, of another run, through a store that may fail. */
async function put(
  faults: FaultPlan,
): Promise<{ harness: Harness; root: Root; putting: Promise<StoredRoot> }> {
  const { harness, root, keys } = await withRoot();
  const { random, clock } = harness;
  const sourceTime = new Date(clock.now().getTime() + minute);
  const next: Root = {
    ...root,
    point: newPointId(sourceTime, random),
    run: newId<RunId>(random),
    sourceTime: sourceTime.toISOString(),
  };
  const lock = { mode: 'governance', until: new Date(root.expiresAt) } as const;
  const store = withFaults(harness.store, faults);
  return { harness, root: next, putting: putRoot({ store, keys, random, clock, lock }, next) };
}

describe('committing a root', () => {
  test.each([
    ['fail-before', 'put'],
    ['fail-after', 'put'],
    ['time-out', 'put'],
    ['throttle', 'put'],
    ['fail-before', 'get'],
    ['fail-before', 'head'],
  ] as const)('leaves exactly one when the store does not answer (%s of %s)', async (kind, method) => {
    const { harness, root, putting } = await put(new FaultPlan([{ kind, call: 1, method }]));

    expect((await putting).root).toEqual(root);
    expect(await harness.committed()).toHaveLength(2);
  });

  test('gives up when the store never answers', async () => {
    const { harness, putting } = await put(
      new FaultPlan([{ kind: 'throttle', call: 1, times: 1_000, method: 'put' }]),
    );

    await expect(putting).rejects.toThrow(StoreUnavailableError);
    expect(await harness.committed()).toHaveLength(1);
  });

  test('any number of times at once gives the root of the first', async () => {
    const { harness, root, keys } = await withRoot();
    const { random, clock, store } = harness;
    const lock = { mode: 'governance', until: new Date(root.expiresAt) } as const;
    const point = newPointId(clock.now(), random);

    const stored = await Promise.all(
      Array.from({ length: 8 }, async (_, attempt) =>
        putRoot({ store, keys, random, clock, lock }, { ...root, point, seconds: attempt }),
      ),
    );

    expect(new Set(stored.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await harness.committed()).toHaveLength(2);
  });
});

describe('looking for a root', () => {
  test('finds the one of the point, and no other', async () => {
    const { harness, root, keys } = await withRoot();
    const other = newPointId(new Date(root.sourceTime), harness.random);

    expect((await findRoot(harness.store, keys, harness.arn, root.point))?.root).toEqual(root);
    expect(await findRoot(harness.store, keys, harness.arn, other)).toBeUndefined();
  });
});

test('ids of points sort by source time', () => {
  const harness = new Harness('ids');
  const times = ['2026-01-09T23:59:59Z', '2026-01-10T00:00:00Z', '2026-11-01T00:00:00Z'];

  const ids: PointId[] = times.map((time) => newPointId(new Date(time), harness.random));

  expect(ids.toSorted()).toEqual(ids);
  expect(ids.every(isPointId)).toBe(true);
});
