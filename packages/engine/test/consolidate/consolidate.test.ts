import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { consolidatePoint } from '../../src/consolidate/consolidate-point.ts';
import { readContainerRoot } from '../../src/consolidate/container-root.ts';
import { NotSupportedError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import { containerName, objectNameOf } from '../../src/packs/object-names.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import { warningsInRoot } from '../../src/points/root.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { diffPoints } from '../../src/restore/browse.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import { FaultPlan, MemoryTarget, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import {
  countReferences,
  describeState,
  Harness,
  logicalPartsOf,
  namesIn,
  packMapOf,
  stateOf,
} from '../runs/harness.ts';

/** A chain with shared chunks, an empty file, a removed one and a file of several chunks. */
async function withChain(): Promise<{ harness: Harness; last: CommittedPoint }> {
  const harness = new Harness('consolidate');
  const { source, random } = harness;
  const shared = random.bytes(3_000);
  for (let file = 10; file < 18; file += 1)
    source.plant(`file ${file}`, random.bytes(1_500), { tags: { n: String(file) } });
  source.plant('empty', '');
  source.plant('removed', 'later');
  source.plant('large', random.bytes(3_500_000));
  source.plant('copy 1', shared);
  await harness.backUp('full');
  source.remove('removed');
  source.plant('copy 2', shared);
  source.plant('file 12', random.bytes(2_000));
  source.plant('z', shared);
  return { harness, last: await harness.backUp('incremental') };
}

async function expectConsolidated(
  harness: Harness,
  last: CommittedPoint,
  made: CommittedPoint,
): Promise<void> {
  const reader = await harness.open(made.root.point);
  const base = await harness.open(last.root.point);
  expect(await logicalPartsOf(reader)).toEqual(await logicalPartsOf(base));
  expect(await Array.fromAsync(diffPoints(base, reader))).toEqual([]);
  const [container, ...others] = await packMapOf(reader);
  expect(others).toEqual([]);
  expect(container).toMatchObject({ kind: 'container', packId: made.root.container?.pack });
  expect(await countReferences(reader)).toEqual(
    new Map([[container?.packId, { references: container?.references, liveBytes: container?.liveBytes }]]),
  );
  expect(made.root.counts).toMatchObject({
    files: last.root.counts.files,
    logicalBytes: last.root.counts.logicalBytes,
    readBytes: 0,
  });
  expect(describeState((await harness.restore(made.root.point)).state)).toEqual(
    describeState(await harness.snapshotOfSource()),
  );
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
}

describe('a synthetic full', () => {
  test('holds the point in one object, without reading the source', async () => {
    const { harness, last } = await withChain();
    const opened = harness.source.opened.length;

    const made = await harness.backUp('synthetic-full');

    expect(harness.source.opened).toHaveLength(opened);
    expect(await namesIn(harness.store, 'containers/')).toHaveLength(1);
    await expectConsolidated(harness, last, made);
  });

  test('is the same when it stops after every file', async () => {
    const { harness, last } = await withChain();
    let asked = 0;

    const made = await harness.backUp('synthetic-full', { shouldStop: () => ++asked > 0 });

    expect(asked).toBeGreaterThan(8);
    await expectConsolidated(harness, last, made);
  });

  test('can be restored from its container and the keys alone', async () => {
    const { harness } = await withChain();
    const expected = describeState(await harness.snapshotOfSource());
    const made = await harness.backUp('synthetic-full');
    const packId = made.root.container?.pack;
    if (packId === undefined) throw new Error('no container');
    const name = containerName(packId);
    const copy = new Harness('elsewhere');
    for (const object of ['format.json', ...(await namesIn(harness.store, 'keys/')), name]) {
      await copy.store.put(object, await harness.store.get(object));
    }
    const keys = await openVault({ store: copy.store, keyring: harness.keyring });
    const segments = new SegmentReader(copy.store, new PackReader(copy.store, keys).ciphers);
    const { bytes } = await copy.store.head(name);

    const root = readContainerRoot((await segments.readContainerEnd({ packId, name }, bytes)).root, name);
    const target = new MemoryTarget();
    const reader = new PointReader(copy.store, keys, root);
    const outcome = await restoreRange(reader, { range: {}, target, overwrite: 'never' });

    expect(outcome.failed).toEqual([]);
    expect(describeState(stateOf(target))).toEqual(expected);
  });

  test('of a point without entries is a container all the same', async () => {
    const harness = new Harness('empty');
    const last = await harness.backUp('full');

    const made = await harness.backUp('synthetic-full');

    expect(made.root.type).toBe('synthetic-full');
    expect(made.root.manifest).toBeUndefined();
    expect(await namesIn(harness.store, 'containers/')).toHaveLength(1);
    expect((await harness.restore(made.root.point)).state.size).toBe(last.root.counts.files);
  });

  test('of a synthetic full is possible', async () => {
    const { harness } = await withChain();
    const first = await harness.backUp('synthetic-full');

    const second = await harness.backUp('synthetic-full');

    expect(second.root.base).toBe(first.root.point);
    await expectConsolidated(harness, first, second);
  });

  test('without a point to build on is made as a full', async () => {
    const harness = new Harness('none');
    const opened = await openRun(harness.services, harness.request('synthetic-full'));

    expect(opened).toMatchObject({ state: 'open', plan: { type: 'full' } });
  });

  test('has as many warnings as the point that it was made of, also those that no root spells out', async () => {
    const harness = new Harness('many warnings');
    for (let file = 0; file < warningsInRoot + 5; file += 1) {
      const entry = harness.source.plant(`file ${file}`, 'x');
      harness.source.trap(entry.path, 'deny');
    }
    const full = await harness.backUp('full');

    const made = await harness.backUp('synthetic-full');

    expect(full.root.warnings).toBe(warningsInRoot + 5);
    expect(made.root.warnings).toBe(full.root.warnings);
    expect(made.root.warningList).toEqual(full.root.warningList);
  });

  test('of a damaged point is refused', async () => {
    const { harness, last } = await withChain();
    const [pack] = await packMapOf(await harness.open(last.root.point));
    if (pack === undefined) throw new Error('no pack');
    const name = objectNameOf(pack);
    const bytes = (await harness.store.get(name)).map((byte, at) => (at % 1_000 === 500 ? byte ^ 1 : byte));
    const now = harness.clock.now();
    harness.clock.set('2100-01-01T00:00:00Z');
    for await (const version of harness.store.listVersions(name))
      await harness.store.removeVersion(name, version.versionId);
    harness.clock.set(now);
    harness.store.plantVersion(name, bytes);

    await expect(harness.backUp('synthetic-full')).rejects.toThrow(pack.packId);

    expect(await harness.committed()).toHaveLength(2);
  });

  test('of snapshots is refused', async () => {
    const harness = new Harness('image');
    const first = await openRun(harness.services, harness.request('full'));
    if (first.state === 'over') throw new Error('over');
    const counts = {
      files: 0,
      filesChanged: 0,
      filesRemoved: 0,
      logicalBytes: 0,
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    };
    const image = { snapshots: [] };
    const unread = { carried: 0, missing: 0 };
    const content = { counts, warnings: [], unread, pagePacks: [], pagePacksCounted: 0, image };
    await commitPoint(harness.services, first.keys, first.plan, async () => content);

    await expect(harness.backUp('synthetic-full')).rejects.toThrow(NotSupportedError);
  });
});

async function open(harness: Harness, runId: RunId): Promise<Extract<OpenedRun, { state: 'open' }>> {
  const opened = await openRun(harness.services, harness.request('synthetic-full', { runId }));
  if (opened.state === 'over') throw new Error('over');
  return opened;
}

describe('a consolidation whose process dies', () => {
  /** Consolidates in calls that each stop after some files; every call dies once, at a random of its own calls. */
  test.each([1, 2, 3, 4])('again and again goes on from where it was, seed %i', async (seed) => {
    const { harness, last } = await withChain();
    const { keys, plan } = await open(harness, newId<RunId>(harness.random));
    for (let step = 0; ; step += 1) {
      const faults = new FaultPlan([
        { kind: step % 2 === 0 ? 'kill' : 'kill-after', call: 1 + ((seed * 7 + step * 5) % 12) },
      ]);
      const { store, catalog, work } = harness;
      const dying = {
        ...harness.services,
        store: withFaults(store, faults),
        catalog: withFaults(catalog, faults),
        work: withFaults(work, faults),
      };
      let asked = 0;
      const shouldStop = (): boolean => ++asked > seed;
      await consolidatePoint(dying, keys, plan, { shouldStop }).catch((error: unknown) => {
        if (!(error instanceof ProcessKilledError)) throw error;
      });
      asked = 0;
      const done = await consolidatePoint(harness.services, keys, plan, { shouldStop });
      if (!done.done) continue;
      const made = await commitPoint(harness.services, keys, plan, async () => done.content);
      await expectConsolidated(harness, last, made);
      return;
    }
  });

  test.each([
    ['in the second call', 3],
    ['in the first call', Infinity],
  ])('after the container was completed, before its row says so, is taken up: %s', async (_what, files) => {
    const { harness, last } = await withChain();
    const { keys, plan } = await open(harness, newId<RunId>(harness.random));
    let asked = 0;
    if (files < Infinity) {
      const shouldStop = (): boolean => ++asked > files;
      const first = await consolidatePoint(harness.services, keys, plan, { shouldStop });
      expect(first.done).toBe(false);
    }
    const faults = new FaultPlan([{ kind: 'kill', call: 1, method: 'confirmPack' }]);
    const dying = { ...harness.services, catalog: withFaults(harness.catalog, faults) };
    await expect(consolidatePoint(dying, keys, plan, { shouldStop: () => false })).rejects.toThrow(
      ProcessKilledError,
    );

    const second = await consolidatePoint(harness.services, keys, plan, { shouldStop: () => false });

    expect(await namesIn(harness.store, 'containers/')).toHaveLength(1);
    if (!second.done) throw new Error('not done');
    const made = await commitPoint(harness.services, keys, plan, async () => second.content);
    await expectConsolidated(harness, last, made);
    const row = harness.catalog.packs().find(({ packId }) => packId === made.root.container?.pack);
    expect(row).toMatchObject({ kind: 'container', state: 'live' });
  });

  test('after the container was completed, before it was locked, is locked by the commit', async () => {
    const { harness } = await withChain();
    const { keys, plan } = await open(harness, newId<RunId>(harness.random));
    let asked = 0;
    await consolidatePoint(harness.services, keys, plan, { shouldStop: () => ++asked > 3 });
    const faults = new FaultPlan([{ kind: 'kill', call: 1, method: 'confirmPack' }]);
    const dying = { ...harness.services, catalog: withFaults(harness.catalog, faults) };
    await expect(consolidatePoint(dying, keys, plan, { shouldStop: () => false })).rejects.toThrow(
      ProcessKilledError,
    );
    const [name = ''] = await namesIn(harness.store, 'containers/');
    // What a store without a default lock says of it then.
    const { lock: _lock, ...unlocked } = await harness.store.head(name);
    const head: ObjectStore['head'] = async (asks, options) =>
      asks === name ? unlocked : harness.store.head(asks, options);
    const store = new Proxy<ObjectStore>(harness.store, {
      get(target, property) {
        if (property === 'head') return head;
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });

    const second = await consolidatePoint({ ...harness.services, store }, keys, plan, {
      shouldStop: () => false,
    });

    if (!second.done) throw new Error('not done');
    expect(second.content.lockedUntil).toEqual(unlocked.storedAt);
    const made = await commitPoint(harness.services, keys, plan, async () => second.content);
    const row = harness.catalog.packs().find(({ packId }) => packId === made.root.container?.pack);
    expect(row?.lockedUntil?.toISOString()).toBe((await harness.store.head(name)).lock?.until.toISOString());
    expect(row?.lockedUntil?.getTime()).toBeGreaterThanOrEqual(Date.parse(made.root.expiresAt));
  });
});
