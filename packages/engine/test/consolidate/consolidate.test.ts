import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { consolidatePoint } from '../../src/consolidate/consolidate-point.ts';
import { decodeRootCbor } from '../../src/points/root-cbor.ts';
import { NotSupportedError, RunClosedError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { containerName, objectNameOf } from '../../src/packs/object-names.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import { warningsInRoot, type Root } from '../../src/points/root.ts';
import type { WorkStore } from '../../src/ports/work-store.ts';
import { diffPoints } from '../../src/restore/browse.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import type { WriteServices } from '../../src/services.ts';
import { FaultPlan, MemoryTarget, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import {
  countReferences,
  day,
  describeState,
  Harness,
  logicalPartsOf,
  minute,
  namesIn,
  packMapOf,
  stateOf,
} from '../runs/harness.ts';
import { strideOf } from '../thoroughness.ts';

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

/** A port with some methods of its own. */
function instead<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, property) {
      const own: unknown = Reflect.get(methods, property);
      const member: unknown = own ?? Reflect.get(target, property, target);
      return typeof member === 'function' ? member.bind(own === undefined ? target : methods) : member;
    },
  });
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

  test('is the same when no call has time for more than one chunk', async () => {
    const { harness, last } = await withChain();
    const chunks = [...(await countReferences(await harness.open(last.root.point))).values()];
    const references = chunks.reduce((sum, pack) => sum + pack.references, 0);
    let calls = 0;
    const work: WorkStore['put'] = async (name, body) => {
      if (name.endsWith('consolidate.json')) calls += 1;
      return harness.work.put(name, body);
    };

    const made = await harness.backUp('synthetic-full', {
      services: { ...harness.services, work: instead<WorkStore>(harness.work, { put: work }) },
      shouldStop: () => true,
    });

    expect(calls).toBeGreaterThanOrEqual(last.root.counts.files + references);
    await expectConsolidated(harness, last, made);
  });

  test('is the same wherever within an object a call ends', async () => {
    const harness = new Harness('within an object');
    harness.source.plant('before', 'x');
    harness.source.plant('large', harness.random.bytes(9_000_000));
    harness.source.plant('same as large, and after it', harness.random.bytes(2_500_000));
    const last = await harness.backUp('full');
    for (const every of [2, 3, 5]) {
      let asked = 0;

      const made = await harness.backUp('synthetic-full', { shouldStop: () => ++asked % every === 0 });

      await expectConsolidated(harness, last, made);
    }
  });

  test('hands on while it writes the manifest of many files', async () => {
    const harness = new Harness('many entries');
    for (let file = 0; file < 9_000; file += 1) harness.source.plant(`file ${file}`, '');
    harness.source.plant('with content', 'x');
    const last = await harness.backUp('full', { limits: { files: 20_000, bytes: 2 ** 30 } });
    const steps: string[] = [];
    const put: WorkStore['put'] = async (name, body) => {
      if (name.endsWith('consolidate.json'))
        steps.push((JSON.parse(Buffer.from(body).toString()) as { step: string }).step);
      return harness.work.put(name, body);
    };
    // Time for all files, and then for one part of the manifest a call.
    let asked = 0;
    const shouldStop = (): boolean => ++asked >= 9_002;

    const made = await harness.backUp('synthetic-full', {
      services: { ...harness.services, work: instead<WorkStore>(harness.work, { put }) },
      shouldStop,
    });

    expect(steps).toEqual(['manifest', 'manifest', 'complete']);
    await expectConsolidated(harness, last, made);
  });

  test('of a point that is too large for one object is refused before anything is written', async () => {
    const harness = new Harness('too large');
    const first = await openRun(harness.services, harness.request('full'));
    if (first.state === 'over') throw new Error('over');
    const counts = { files: 1, filesChanged: 1, filesRemoved: 0, readBytes: 0, newBytes: 0, storedBytes: 0 };
    const content = {
      counts: { ...counts, logicalBytes: 8 * 2 ** 40 + 1 },
      warnings: [],
      unread: { carried: 0, missing: 0 },
      pagePacks: [],
      pagePacksCounted: 0,
    };
    await commitPoint(harness.services, first.keys, first.plan, async () => content);

    await expect(harness.backUp('synthetic-full')).rejects.toThrow(NotSupportedError);

    expect(harness.catalog.packRows()).toEqual([]);
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

    const root = decodeRootCbor((await segments.readContainerEnd({ packId, name }, bytes)).root, name);
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
    harness.source.plant('readable', 'x');
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

/** Time for so many more files and chunks after the first. */
function untilItems(items: number): () => boolean {
  let asked = 0;
  return () => ++asked > items;
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
    const faults = new FaultPlan([{ kind: 'kill', call: 1, method: 'packs.confirm' }]);
    const dying = { ...harness.services, catalog: withFaults(harness.catalog, faults) };
    await expect(consolidatePoint(dying, keys, plan, { shouldStop: () => false })).rejects.toThrow(
      ProcessKilledError,
    );

    const second = await consolidatePoint(harness.services, keys, plan, { shouldStop: () => false });

    expect(await namesIn(harness.store, 'containers/')).toHaveLength(1);
    if (!second.done) throw new Error('not done');
    const made = await commitPoint(harness.services, keys, plan, async () => second.content);
    await expectConsolidated(harness, last, made);
    const row = harness.catalog.packRows().find(({ packId }) => packId === made.root.container?.pack);
    expect(row).toMatchObject({ kind: 'container', state: 'live' });
  });

  test.each([
    ['in the first call, as far as the other', 0, 4],
    ['in the first call, further than the other', 0, 7],
    ['in a later call, further than the other', 3, 7],
  ])('beside a repetition of its call leaves alone what that one wrote: %s', async (_what, before, after) => {
    const { harness, last } = await withChain();
    const { keys, plan } = await open(harness, newId<RunId>(harness.random));
    if (before > 0) await consolidatePoint(harness.services, keys, plan, { shouldStop: untilItems(before) });
    let hasOtherEnded = false;
    const work = instead<WorkStore>(harness.work, {
      put: async (name, body) => {
        if (!hasOtherEnded) {
          hasOtherEnded = true;
          await consolidatePoint(harness.services, keys, plan, { shouldStop: untilItems(4) });
        }
        if (name.endsWith('consolidate.json')) throw new ProcessKilledError('put', 1);
        return harness.work.put(name, body);
      },
    });
    const dying = { ...harness.services, work };
    await expect(consolidatePoint(dying, keys, plan, { shouldStop: untilItems(after) })).rejects.toThrow(
      ProcessKilledError,
    );

    const step = await consolidatePoint(harness.services, keys, plan, { shouldStop: () => false });

    if (!step.done) throw new Error('it has all the time');
    const made = await commitPoint(harness.services, keys, plan, async () => step.content);
    await expectConsolidated(harness, last, made);
  });

  test('leaves a container that is locked for days only, and that the sweeper takes', async () => {
    const { harness } = await withChain();
    const runId = newId<RunId>(harness.random);
    const opened = await openRun(harness.services, {
      ...harness.request('synthetic-full', { runId, keepDays: 3_650 }),
    });
    if (opened.state === 'over') throw new Error('over');
    const { keys, plan } = opened;
    const faults = new FaultPlan([{ kind: 'kill-after', call: 1, method: 'packs.confirm' }]);
    const dying = { ...harness.services, catalog: withFaults(harness.catalog, faults) };
    const attempt = consolidatePoint(dying, keys, plan, { shouldStop: () => false });
    await expect(attempt).rejects.toThrow(ProcessKilledError);
    const [name = ''] = await namesIn(harness.store, 'containers/');
    const { lock } = await harness.store.head(name);
    const days = ((lock?.until.getTime() ?? Infinity) - harness.clock.now().getTime()) / day;

    await harness.catalog.runs.cancel(runId);
    const again = consolidatePoint(harness.services, keys, plan, { shouldStop: () => false });
    await expect(again).rejects.toThrow(RunClosedError);
    harness.clock.advance(11 * day + minute);
    const { store, catalog, index } = harness;
    const swept = await sweepPacks({ store, catalog, index, listChunkIds: async () => [] });

    expect(days).toBeCloseTo(10, 1);
    expect(swept).toMatchObject({ swept: 1, failures: { count: 0 } });
    expect(await namesIn(harness.store, 'containers/')).toEqual([]);
  });

  test('and whose container was swept meanwhile commits nothing', async () => {
    const { harness } = await withChain();
    const { keys, plan } = await open(harness, newId<RunId>(harness.random));
    const faults = new FaultPlan([{ kind: 'kill-after', call: 1, method: 'packs.confirm' }]);
    const dying = { ...harness.services, catalog: withFaults(harness.catalog, faults) };
    const attempt = consolidatePoint(dying, keys, plan, { shouldStop: () => false });
    await expect(attempt).rejects.toThrow(ProcessKilledError);
    harness.clock.advance(11 * day + minute);
    const { store, catalog, index } = harness;
    await sweepPacks({ store, catalog, index, listChunkIds: async () => [] });

    await expect(
      consolidatePoint(harness.services, keys, plan, { shouldStop: () => false }),
    ).rejects.toMatchObject({ name: expect.stringMatching(/CatalogConflictError|ObjectNotFoundError/) });

    expect(await harness.committed()).toHaveLength(2);
  });

  test('at any of its calls is taken up, although nothing can be read back out of a frozen class', async () => {
    const storageClass = 'DEEP_ARCHIVE';
    for (let call = 1, survived = false; !survived; call += strideOf(3)) {
      const harness = new Harness(`frozen ${storageClass}`);
      harness.source.plant('a', 'content of a');
      const last = await harness.backUp('full');
      const opened = await openRun(harness.services, {
        ...harness.request('synthetic-full', { keepDays: 400 }),
        container: { pointId: last.root.point, storageClass },
      });
      if (opened.state === 'over') throw new Error('over');
      const { keys, plan } = opened;
      const faults = new FaultPlan([{ kind: 'kill-after', call }]);
      const { store, catalog, work } = harness;
      const dying = {
        ...harness.services,
        store: withFaults(store, faults),
        catalog: withFaults(catalog, faults),
        work: withFaults(work, faults),
      };
      const consolidate = async (services: WriteServices): Promise<void> => {
        const step = await consolidatePoint(services, keys, plan, { shouldStop: () => false });
        if (!step.done) throw new Error('it has all the time');
        await commitPoint(services, keys, plan, async () => step.content);
      };
      await consolidate(dying).catch((error: unknown) => {
        if (!(error instanceof ProcessKilledError)) throw error;
      });
      survived = !faults.killed;

      const isOver = (await catalog.runs.find(plan.runId))?.pointId !== undefined;
      if (!survived && !isOver) await consolidate(harness.services);

      const made = (await harness.committed()).find(({ type }) => type === 'synthetic-full');
      expect(made?.container?.storageClass).toBe(storageClass);
      const locks = await harness.locksOf((await withContainerThawed(harness)) && (made as Root));
      for (const until of locks.values())
        expect(until.getTime()).toBeGreaterThanOrEqual(Date.parse(made?.expiresAt ?? ''));
      expect((await harness.restore((made as Root).point)).outcome).toMatchObject({ written: 1, failed: [] });
    }
  });
});

async function withContainerThawed({ store, clock }: Harness): Promise<true> {
  for await (const { name, versionId } of store.listVersions('containers/'))
    store.finishThaw(name, versionId, new Date(clock.now().getTime() + day));
  return true;
}
