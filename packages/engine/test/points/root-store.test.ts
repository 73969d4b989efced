import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { ObjectNotFoundError, StoredBytesDamagedError, StoreUnavailableError } from '../../src/errors.ts';
import type { PointId, ResourceArn, RunId } from '../../src/ids.ts';
import { rootName } from '../../src/packs/object-names.ts';
import { isPointId, newPointId, resourceKeyOf } from '../../src/points/point-id.ts';
import {
  decodeRoot,
  encodeRoot,
  findRootOfRun,
  putRoot,
  readRoot,
  type StoredRoot,
} from '../../src/points/root-store.ts';
import type { Root } from '../../src/points/root.ts';
import { FaultPlan, withFaults, type FaultKind } from '../../src/testing/index.ts';
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

    expect(await decodeRoot(await encodeRoot(root, keys), root.point, keys, 'a root')).toEqual(root);
    expect((await readRoot(harness.store, keys, harness.arn, root.point)).root).toEqual(root);
  });

  test('is refused whichever of its bits is flipped', async () => {
    const { root, keys } = await withRoot();
    const bytes = await encodeRoot(root, keys);

    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await expect(decodeRoot(flipped, root.point, keys, 'a root'), `byte ${at}`).rejects.toThrow();
    }
  });

  test('is refused wherever it ends early', async () => {
    const { root, keys } = await withRoot();
    const bytes = await encodeRoot(root, keys);

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

async function put(
  kind: FaultKind,
  call: number,
  method: string,
): Promise<{ harness: Harness; stored: StoredRoot }> {
  const { harness, root, keys } = await withRoot();
  const store = withFaults(harness.store, new FaultPlan([{ kind, call, method }]));
  const { random, clock } = harness;
  const lock = { mode: 'governance', until: new Date(root.expiresAt) } as const;
  const sourceTime = new Date(clock.now().getTime() + minute);
  const stored = await putRoot({ store, keys, random, clock, lock }, harness.arn, sourceTime, (point) => ({
    ...root,
    point,
    sourceTime: sourceTime.toISOString(),
  }));
  return { harness, stored };
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
    const { harness, stored } = await put(kind, 1, method);

    const points = (await harness.committed()).map(({ point }) => point);
    expect(points).toHaveLength(2);
    expect(points).toContain(stored.root.point);
  });

  test('gives up when the store never answers', async () => {
    const { harness, root, keys } = await withRoot();
    const store = withFaults(
      harness.store,
      new FaultPlan([{ kind: 'throttle', call: 1, times: 1_000, method: 'put' }]),
    );
    const { random, clock } = harness;
    const lock = { mode: 'governance', until: new Date(root.expiresAt) } as const;

    const putting = putRoot({ store, keys, random, clock, lock }, harness.arn, clock.now(), (point) => ({
      ...root,
      point,
    }));

    await expect(putting).rejects.toThrow(StoreUnavailableError);
    expect(await harness.committed()).toHaveLength(1);
  });
});

describe('looking for the root of a run', () => {
  test('finds the one that the run committed, and no other', async () => {
    const { harness, root, keys } = await withRoot();
    const sourceTime = new Date(root.sourceTime);

    expect((await findRootOfRun(harness.store, keys, harness.arn, sourceTime, root.run))?.root.point).toBe(
      root.point,
    );
    expect(
      await findRootOfRun(harness.store, keys, harness.arn, sourceTime, newId<RunId>(harness.random)),
    ).toBeUndefined();
  });

  test('passes over a damaged root', async () => {
    const { harness, root, keys } = await withRoot();
    const sourceTime = new Date(root.sourceTime);
    const point = newPointId(sourceTime, { bytes: (count) => new Uint8Array(count) });
    await harness.store.put(rootName(resourceKeyOf(harness.arn), point), new Uint8Array(100));

    expect((await findRootOfRun(harness.store, keys, harness.arn, sourceTime, root.run))?.root.point).toBe(
      root.point,
    );
  });
});

test('ids of points sort by source time', () => {
  const harness = new Harness('ids');
  const times = ['2026-01-09T23:59:59Z', '2026-01-10T00:00:00Z', '2026-11-01T00:00:00Z'];

  const ids: PointId[] = times.map((time) => newPointId(new Date(time), harness.random));

  expect(ids.toSorted()).toEqual(ids);
  expect(ids.every(isPointId)).toBe(true);
});
