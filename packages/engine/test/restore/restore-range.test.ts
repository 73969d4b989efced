import { describe, expect, test } from 'vitest';
import { fromUtf8, toHex, utf8 } from '../../src/bytes.ts';
import { RestorePathError, StoreUnavailableError, TargetUnavailableError } from '../../src/errors.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import type { ByteRange } from '../../src/ports/object-store.ts';
import type { SourceEntry } from '../../src/ports/file-source.ts';
import type { RestoreTarget, WriteOutcome } from '../../src/ports/restore-target.ts';
import type { FetchPolicy } from '../../src/restore/chunk-fetcher.ts';
import { frameKey } from '../../src/restore/plan-runs.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange, type RestoreOutcome } from '../../src/restore/restore-range.ts';
import { FaultPlan, MemoryTarget, withFaults, type MemoryObjectStore } from '../../src/testing/index.ts';
import { describeState, Harness, packMapOf, stateOf } from '../runs/harness.ts';
import { mixed } from './mixed-point.ts';

/** Stored bytes of the distinct chunks that a point consists of. */
async function neededBytes(reader: PointReader): Promise<number> {
  const lengths = new Map<string, number>();
  for await (const entry of reader.manifest.range()) {
    if (decodeFileKey(entry.key, 'a test').offset === undefined) continue;
    for (const { location } of decodeExtent(entry, 'a test').chunks)
      lengths.set(frameKey(location), location.length);
  }
  return [...lengths.values()].reduce((sum, length) => sum + length, 0);
}

/** Notes the ranges that are read of packs of chunks. */
function watched(store: MemoryObjectStore): {
  store: MemoryObjectStore;
  ranges: (ByteRange & { name: string })[];
} {
  const ranges: (ByteRange & { name: string })[] = [];
  const proxy = new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const [name, options] = args as [string, { range?: ByteRange }];
        if (property === 'get' && name.startsWith('packs/'))
          ranges.push({ name, offset: 0, length: 0, ...options.range });
        return Reflect.apply(member, target, args);
      };
    },
  });
  return { store: proxy, ranges };
}

async function restoreWatched(harness: Harness, point: PointReader['root'], fetch?: FetchPolicy) {
  const { store, ranges } = watched(harness.store);
  const reader = new PointReader(store, await harness.keys(), point);
  const target = new MemoryTarget();
  await restoreRange(reader, { range: {}, target, overwrite: 'never', fetch });
  expect(describeState(stateOf(target))).toEqual(describeState(await harness.snapshotOfSource()));
  return {
    ranges,
    needed: await neededBytes(reader),
    read: ranges.reduce((sum, { length }) => sum + length, 0),
  };
}

function expectNoOverlap(ranges: readonly (ByteRange & { name: string })[]): void {
  const sorted = ranges.toSorted((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.offset - b.offset,
  );
  for (const [at, range] of sorted.entries()) {
    const before = sorted[at - 1];
    if (before?.name === range.name)
      expect(range.offset).toBeGreaterThanOrEqual(before.offset + before.length);
  }
}

test('a restore whose time is always up goes on entry by entry, to what one call restores', async () => {
  const harness = new Harness('entry by entry');
  for (let file = 0; file < 7; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(2_000));
  harness.source.plant('large', harness.random.bytes(6_000_000));
  const { root } = await harness.backUp('full');
  const reader = await harness.open(root.point);
  const target = new MemoryTarget();
  const asked: number[] = [];
  const shouldStop = (nextBytes: number) => asked.push(nextBytes) > 0;

  const files: number[] = [];
  let from: Uint8Array | undefined;
  do {
    const range = from === undefined ? {} : { from };
    const outcome = await restoreRange(reader, { range, target, overwrite: 'always', shouldStop });
    files.push(outcome.files);
    from = outcome.next;
  } while (from !== undefined);

  expect(files).toEqual(Array.from({ length: 8 }, () => 1));
  expect(asked).toEqual([...Array.from({ length: 6 }, () => 2_000), 6_000_000]);
  expect(describeState(stateOf(target))).toEqual(describeState(await harness.snapshotOfSource()));
});

test('a file whose chunk the index put where another file’s lies is refused, not given that one’s bytes', async () => {
  const harness = new Harness('misplaced');
  for (const path of ['a', 'b']) harness.source.plant(path, harness.random.bytes(2_000));
  const before = await harness.open((await harness.backUp('full')).root.point);
  const found = await Array.fromAsync(before.manifest.range());
  const [a, b] = found
    .filter(({ key }) => decodeFileKey(key, 'a test').offset !== undefined)
    .flatMap((entry) => decodeExtent(entry, 'a test').chunks);
  if (a === undefined || b === undefined) throw new Error('two files have a chunk each');
  await harness.index.put([{ id: a.id, location: b.location }]);
  const { root } = await harness.backUp('full');

  const { state, outcome } = await harness.restore(root.point);

  expect(outcome.failed).toMatchObject([{ path: 'a', name: 'ChunkCorruptError' }]);
  expect([...state.keys()]).toEqual([toHex(utf8('b'))]);
});

describe('what a restore reads of the vault', () => {
  test('is what it needs, in few requests, for a point that was written in one go', async () => {
    const harness = new Harness('contiguous');
    for (let file = 0; file < 400; file += 1)
      harness.source.plant(`file ${file}`, harness.random.bytes(3_000));
    harness.source.plant('large', harness.random.bytes(9_000_000));
    const { root } = await harness.backUp('full');

    const { ranges, needed, read } = await restoreWatched(harness, root);

    expect(read).toBe(needed);
    expect(ranges.length).toBeLessThanOrEqual(3);
  });

  test('is at most a tenth more for a point that is scattered over packs and shares its chunks', async () => {
    const harness = new Harness('scattered');
    const { source, random } = harness;
    for (let file = 0; file < 300; file += 1) source.plant(`file ${file}`, random.bytes(2_000 + file));
    await harness.backUp('full', { limits: { files: 100, bytes: 2 ** 30 } });
    for (let generation = 1; generation <= 8; generation += 1) {
      for (let file = generation; file < 300; file += 3 + generation)
        source.plant(`file ${file}`, random.bytes(2_500));
      for (const [path, { content }] of [...(await harness.snapshotOfSource())].slice(0, 10)) {
        source.plant(`copy ${generation} of ${path}`, content);
      }
      await harness.backUp('incremental');
    }
    const { root } = await harness.backUp('incremental');

    for (const windowBytes of [20_000, 200_000, 48 * 2 ** 20]) {
      const fetch = { windowBytes, windowItems: 16_384, cacheBytes: 2 ** 26, runsAtOnce: 4 };
      const { ranges, needed, read } = await restoreWatched(harness, root, fetch);

      expect(read).toBeLessThanOrEqual(1.1 * needed);
      if (windowBytes > 2 ** 20) expectNoOverlap(ranges);
    }
  });

  test('is each frame once for the thirtieth of daily points, and at most a tenth more', async () => {
    const harness = new Harness('thirty days');
    const { source, random } = harness;
    for (let file = 0; file < 300; file += 1)
      source.plant(`dir ${file % 7}/file ${file}`, random.bytes(9_000));
    let { root } = await harness.backUp('full');
    for (let day = 1; day < 30; day += 1) {
      for (let file = day % 9; file < 300; file += 19)
        source.plant(`dir ${file % 7}/file ${file}`, random.bytes(9_000 + day));
      source.plant(`dir 3/day ${day}`, random.bytes(4_000));
      ({ root } = await harness.backUp('incremental'));
    }

    const { ranges, needed, read } = await restoreWatched(harness, root);

    expect(read).toBeLessThanOrEqual(1.1 * needed);
    expectNoOverlap(ranges);
  });

  test('is each chunk once however many files have it', async () => {
    const harness = new Harness('shared');
    const content = harness.random.bytes(500_000);
    for (let file = 0; file < 100; file += 1) harness.source.plant(`file ${file}`, content);
    const { root } = await harness.backUp('full');

    const { needed, read } = await restoreWatched(harness, root);

    expect(needed).toBeLessThan(600_000);
    expect(read).toBe(needed);
  });
});

async function onto(
  overwrite: 'never' | 'if-different' | 'always',
): Promise<{ outcome: RestoreOutcome; target: MemoryTarget }> {
  const { harness, reader } = await mixed();
  const target = new MemoryTarget();
  const state = await harness.snapshotOfSource();
  const same = state.get(toHex(utf8('a')));
  if (same !== undefined) target.plant(same.entry, same.content);
  const other = state.get(toHex(utf8('z')));
  if (other !== undefined) target.plant(other.entry, 'something else');
  return { outcome: await restoreRange(reader, { range: {}, target, overwrite }), target };
}

describe('what the target has already', () => {
  test('is never touched by default, and is counted by whether it is the same', async () => {
    const { outcome, target } = await onto('never');

    expect(outcome).toMatchObject({ files: 8, written: 6, kept: 1, keptFiles: ['z'], same: 1 });
    expect(target.find('z')?.content).toEqual(utf8('something else'));
  });

  test('is replaced where it differs', async () => {
    const { outcome, target } = await onto('if-different');

    expect(outcome).toMatchObject({ files: 8, written: 7, kept: 0, same: 1 });
    expect(Buffer.from(target.find('z')?.content ?? []).toString()).toBe('content of z');
  });

  test('is replaced always', async () => {
    expect((await onto('always')).outcome).toMatchObject({ files: 8, written: 8 });
  });
});

describe('damage', () => {
  test('hits only the files that use the damaged chunk', async () => {
    const harness = new Harness('damage');
    const { source, random } = harness;
    // Large enough for a frame of its own.
    const shared = random.bytes(300_000);
    for (let file = 0; file < 50; file += 1)
      source.plant(`file ${String(file).padStart(2, '0')}`, random.bytes(4_000));
    for (const file of ['a', 'file 10 copy', 'z']) source.plant(file, shared);
    source.plant('y', random.bytes(5_500_000));
    const { root } = await harness.backUp('full');
    const reader = await harness.open(root.point);
    const [pack] = await packMapOf(reader);
    if (pack === undefined) throw new Error('no pack');
    const name = objectNameOf(pack);
    const whole = await harness.store.get(name);
    const damaged = new Uint8Array(whole);
    // The chunk of "a" comes first; in "y" a byte in the middle.
    damaged[60] = (damaged[60] ?? 0) ^ 1;
    const middle = whole.length - 3_000_000;
    damaged[middle] = (damaged[middle] ?? 0) ^ 1;
    await removeAll(harness, name);
    harness.store.plantVersion(name, damaged);

    const { state, outcome } = await harness.restore(root.point);

    const failed = outcome.failed.map(({ path }) => path).sort();
    expect(failed).toEqual(['a', 'file 10 copy', 'y', 'z']);
    expect(outcome).toMatchObject({ files: 54, written: 50 });
    const expected = new Map(await harness.snapshotOfSource());
    for (const path of failed) expected.delete(toHex(utf8(path)));
    expect(describeState(state)).toEqual(describeState(expected));
  });

  test('in one version of a pack is passed over when another version is whole', async () => {
    const harness = new Harness('versions');
    for (let file = 0; file < 20; file += 1)
      harness.source.plant(`file ${file}`, harness.random.bytes(4_000));
    const { root } = await harness.backUp('full');
    const [pack] = await packMapOf(await harness.open(root.point));
    if (pack === undefined) throw new Error('no pack');
    const whole = await harness.store.get(objectNameOf(pack));
    await removeAll(harness, objectNameOf(pack));
    harness.store.plantVersion(
      objectNameOf(pack),
      whole.map((byte, at) => (at === 2_000 ? byte ^ 1 : byte)),
    );
    harness.store.plantVersion(objectNameOf(pack), whole);

    const { state, outcome } = await harness.restore(root.point);

    expect(outcome.failed).toEqual([]);
    expect(describeState(state)).toEqual(describeState(await harness.snapshotOfSource()));
  });
});

async function removeAll(harness: Harness, name: string): Promise<void> {
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  for await (const { versionId } of harness.store.listVersions(name))
    await harness.store.removeVersion(name, versionId);
  harness.clock.set(now);
}

function breaking(target: MemoryTarget, after: number): RestoreTarget {
  let writes = 0;
  return {
    naming: target.naming,
    accepts: async (...args) => target.accepts(...args),
    write: async (...args) => {
      if (++writes > after) throw new TargetUnavailableError('the target is gone');
      return target.write(...args);
    },
    finish: async () => target.finish(),
  };
}

function isRefused(path: Uint8Array): boolean {
  return fromUtf8(path).startsWith('refused');
}

/** Writes what it is given at once, but for the paths that it does not take so. */
class AtOnceTarget extends MemoryTarget {
  readonly atOnce: string[] = [];
  readonly #waits: RegExp;

  constructor(waits: RegExp) {
    super((path) => (isRefused(path) ? 'refused' : undefined));
    this.#waits = waits;
  }

  writeAtOnce(entry: SourceEntry, pieces: readonly Uint8Array[]): WriteOutcome | undefined {
    const path = fromUtf8(entry.path);
    if (this.#waits.test(path)) return undefined;
    if (isRefused(entry.path)) throw new RestorePathError(path, 'refused');
    this.atOnce.push(path);
    this.plant(entry, Uint8Array.from(Buffer.concat(pieces)));
    return 'written';
  }
}

test.each([
  { windowBytes: 30_000, windowItems: 20, cacheBytes: 2 ** 20, runsAtOnce: 2 },
  { windowBytes: 2 ** 24, windowItems: 1_000, cacheBytes: 2 ** 20, runsAtOnce: 2 },
])(
  'a file that is in memory is written at once where the target can, all others as ever (%j)',
  async (fetch) => {
    const harness = new Harness('at once');
    for (let file = 0; file < 200; file += 1)
      harness.source.plant(`file ${file}`, harness.random.bytes(file % 7 === 0 ? 0 : 50 * file));
    for (let file = 0; file < 50; file += 1) harness.source.plant(`like ${file}`, 'the same in all of them');
    harness.source.plant('large', harness.random.bytes(5_000_000));
    for (const name of ['refused 1', 'refused 2']) harness.source.plant(name, 'content');
    const { root } = await harness.backUp('full');
    const target = new AtOnceTarget(/5$/);
    const progress: number[] = [];

    const outcome = await restoreRange(await harness.open(root.point), {
      range: {},
      target,
      overwrite: 'never',
      fetch,
      onProgress: ({ files }) => progress.push(files),
    });

    expect(outcome).toMatchObject({ files: 253, written: 251 });
    expect(outcome.failed.map(({ path }) => path)).toEqual(['refused 1', 'refused 2']);
    for (const { path } of outcome.failed) harness.source.remove(path);
    expect(describeState(stateOf(target))).toEqual(describeState(await harness.snapshotOfSource()));
    // What the end of a window cuts is not.
    expect(target.atOnce.length).toBeGreaterThan(150);
    expect(target.atOnce).not.toContain('large');
    expect(progress.at(-1)).toBe(253);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  },
);

test('nothing is written at once after a restore was cancelled', async () => {
  const harness = new Harness('at once, cancelled');
  for (let file = 0; file < 20; file += 1) harness.source.plant(`file ${file}`, `content ${file}`);
  const { root } = await harness.backUp('full');
  const target = new AtOnceTarget(/^$/);
  const cancelling = new AbortController();

  const restoring = restoreRange(await harness.open(root.point), {
    range: {},
    target,
    overwrite: 'never',
    signal: cancelling.signal,
    onProgress: ({ files }) => {
      if (files === 12) cancelling.abort(new Error('cancelled'));
    },
  });

  await expect(restoring).rejects.toThrow('cancelled');
  // The first one of a window waits.
  expect(target.entries.length).toBeLessThan(14);
});

describe('a restore that breaks off', () => {
  test.each(['never', 'if-different', 'always'] as const)(
    'is completed by running it again (%s)',
    async (overwrite) => {
      const harness = new Harness('break');
      for (let file = 0; file < 60; file += 1)
        harness.source.plant(`file ${file}`, harness.random.bytes(3_000));
      harness.source.plant('file 5 large', harness.random.bytes(5_000_000));
      const { root } = await harness.backUp('full');
      const reader = await harness.open(root.point);
      const target = new MemoryTarget();

      const first = restoreRange(reader, { range: {}, target: breaking(target, 33), overwrite });
      await expect(first).rejects.toThrow(TargetUnavailableError);
      expect(target.entries.length).toBeLessThan(61);
      const outcome = await restoreRange(reader, { range: {}, target, overwrite });

      expect(describeState(stateOf(target))).toEqual(describeState(await harness.snapshotOfSource()));
      expect(outcome.files).toBe(61);
      // The one that broke off as well: what is half done is left tidy.
      expect(target.finished).toBe(2);
    },
  );

  test('fails with what the store said, at any of its calls, and succeeds when run again', async () => {
    const harness = new Harness('store');
    for (let file = 0; file < 30; file += 1)
      harness.source.plant(`file ${file}`, harness.random.bytes(3_000));
    const { root } = await harness.backUp('full');
    const keys = await harness.keys();
    const calls = new FaultPlan();
    const restoreWith = async (plan: FaultPlan, target: MemoryTarget): Promise<RestoreOutcome> =>
      restoreRange(new PointReader(withFaults(harness.store, plan), keys, root), {
        range: {},
        target,
        overwrite: 'never',
      });
    // The first restore in a process also loads the data key.
    await restoreWith(new FaultPlan(), new MemoryTarget());
    await restoreWith(calls, new MemoryTarget());
    expect(calls.calls()).toBeGreaterThan(2);

    for (let call = 1; call <= calls.calls(); call += 1) {
      const target = new MemoryTarget();
      const plan = new FaultPlan([{ kind: 'throttle', call }]);
      await expect(restoreWith(plan, target), `call ${call}`).rejects.toThrow(StoreUnavailableError);
      await restoreWith(new FaultPlan(), target);
      expect(target.entries).toHaveLength(30);
    }
  });

  test('leaves out what the target cannot hold, and names it', async () => {
    const { reader } = await mixed();
    const target = new MemoryTarget((path) =>
      Buffer.from(path).includes('..') ? 'it leaves the target' : undefined,
    );

    const outcome = await restoreRange(reader, { range: {}, target, overwrite: 'never' });

    expect(outcome.failed).toMatchObject([{ path: '../../etc/passwd', name: 'RestorePathError' }]);
    expect(outcome).toMatchObject({ files: 8, written: 7 });
  });
});
