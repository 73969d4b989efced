import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { LeaseTooShortError } from '../../src/errors.ts';
import type { PackId } from '../../src/ids.ts';
import { packName } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { generationEnd, leaseUntilFor, lockDates } from '../../src/runs/generation.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { runPrefix } from '../../src/runs/run-plan.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { listShards } from '../../src/protect/list-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { day, describeState, Harness, packMapOf } from './harness.ts';

const limits = { files: 3, bytes: 2 ** 30 };

/** Nine files in three packs, and a full of them. */
async function withFull(seed: string): Promise<{ harness: Harness; full: CommittedPoint }> {
  const harness = new Harness(seed);
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  const full = await harness.backUp('full', { limits });
  return { harness, full };
}

async function expectProtected(harness: Harness, { root }: CommittedPoint): Promise<void> {
  for (const [name, until] of await harness.locksOf(root)) {
    expect(until.getTime(), name).toBeGreaterThanOrEqual(new Date(root.expiresAt).getTime());
  }
  expect(await verifyPoint(await harness.open(root.point))).toMatchObject({
    damagedFileCount: 0,
    problems: [],
  });
}

async function expectWhole(harness: Harness, point: CommittedPoint): Promise<void> {
  const { state, outcome } = await harness.restore(point.root.point);
  expect(outcome.failed).toEqual([]);
  expect(describeState(state)).toEqual(describeState(await harness.snapshotOfSource()));
}

test('a lease ends with the generation that contains the latest possible expiry', () => {
  const harness = new Harness();
  const key = resourceKeyOf(harness.arn);
  const packId = newId<PackId>(harness.random);
  const start = new Date('2026-03-01T12:00:00Z');

  const latest = leaseUntilFor(start, 35);
  const until = lockDates(latest, { generationDays: 30 }, key)({ packId, kind: 'chunks' });

  expect(latest).toEqual(new Date(start.getTime() + 35.5 * day));
  expect(until > latest).toBe(true);
  expect(until.getTime() - latest.getTime()).toBeLessThanOrEqual(30 * day);
  expect(generationEnd(new Date(until.getTime() - 1), packId, 30)).toEqual(until);
  expect(generationEnd(until, packId, 30).getTime()).toBe(until.getTime() + 30 * day);
});

test('daily incrementals over many generations extend each pack about once a generation, and protect every point', async () => {
  const { harness } = await withFull('generations');
  const days = 100;
  harness.store.resetCounters();

  for (let n = 1; n <= days; n += 1) {
    harness.clock.advance(day);
    if (n % 10 === 0) harness.source.plant(`file ${n % 9}`, harness.random.bytes(1_000));
    const point = await harness.backUp('incremental', { limits, keepDays: 35 });
    expect(point.root.type).toBe('incremental');
    if (n % 9 === 0) await expectProtected(harness, point);
  }

  const packs = harness.catalog.packRows().filter(({ state }) => state === 'live').length;
  const locked = harness.store.requests('extendLock');
  expect(locked).toBeGreaterThan(5);
  // Keys and format file besides: three objects a generation.
  expect(locked).toBeLessThanOrEqual((packs + 3) * Math.ceil((days + 1) / 30 + 1));
});

test('an incremental leases all that it builds on before it reads the source', async () => {
  const { harness, full } = await withFull('before');
  const leasesBefore = harness.catalog.packRows();
  harness.clock.advance(31 * day);
  harness.source.plant('file 0', 'changed');
  const opened = await openRun(harness.services, harness.request('incremental'));
  if (opened.state === 'over') throw new Error('over');

  const { base, leaseUntil, copiedPacks, rewrittenPagePacks } = opened.plan;
  expect([...copiedPacks, ...rewrittenPagePacks]).toEqual([]);
  const packs = (await packMapOf(await harness.open(full.root.point))).map(({ packId }) => packId);
  const needed = new Set([...packs, ...(base?.pagePacks ?? []).map(({ pack }) => pack)]);
  expect(needed.size).toBeGreaterThan(packs.length);
  const before = leasesBefore.filter(({ packId }) => needed.has(packId));
  expect(before.some(({ lockUntil }) => lockUntil < leaseUntil)).toBe(true);
  for (const row of harness.catalog.packRows()) {
    if (needed.has(row.packId))
      expect(row.lockedUntil?.getTime(), row.kind).toBeGreaterThanOrEqual(leaseUntil.getTime());
  }
  expect(harness.source.opened).toHaveLength(9);
});

describe('packs of the base that cannot be leased', () => {
  const losses: Record<string, (harness: Harness, row: PackRow) => Promise<void> | void> = {
    'their rows are gone': (harness, { packId }) => harness.catalog.losePack(packId),
    'they are being deleted': (harness, row) => harness.catalog.plantPack({ ...row, state: 'deleting' }),
    'they are damaged': (harness, row) => harness.catalog.plantPack({ ...row, damaged: true }),
    'their objects are gone': async (harness, { packId, versionId, retentionClass }) => {
      const now = harness.clock.now();
      harness.clock.set('2100-01-01T00:00:00Z');
      await harness.store.removeVersion(packName(retentionClass, packId), versionId ?? '');
      harness.clock.set(now);
    },
  };

  test.each(Object.keys(losses))('have what lies in them read again: %s', async (name) => {
    const { harness } = await withFull('unleased');
    harness.clock.advance(31 * day);
    const lost = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks')[1] as PackRow;
    await losses[name]?.(harness, lost);
    const before = harness.source.opened.length;

    const next = await harness.backUp('incremental', { limits });

    expect(next.root.type).toBe('incremental');
    expect(harness.source.opened.slice(before).sort()).toEqual(['file 3', 'file 4', 'file 5']);
    const used = (await packMapOf(await harness.open(next.root.point))).map(({ packId }) => packId);
    expect(used).not.toContain(lost.packId);
    await expectProtected(harness, next);
    await expectWhole(harness, next);
  });

  test('have a file that cannot be read either left out, with a warning', async () => {
    const { harness } = await withFull('unreadable');
    harness.clock.advance(31 * day);
    const lost = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks')[1] as PackRow;
    harness.catalog.losePack(lost.packId);
    harness.source.trap('file 4', 'deny');

    const next = await harness.backUp('incremental', { limits });

    expect(next.root).toMatchObject({
      warnings: 1,
      warningList: [{ path: 'file 4', reason: 'denied' }],
      counts: { files: 8 },
    });
    await expectProtected(harness, next);
  });

  test('make the run a full, with a reason, when they hold its pages', async () => {
    const { harness, full } = await withFull('pages');
    harness.clock.advance(day);
    const pages = harness.catalog.packRows().find(({ kind }) => kind === 'pages') as PackRow;
    harness.catalog.plantPack({ ...pages, state: 'deleting' });

    const next = await harness.backUp('incremental', { limits });

    expect(next.root).toMatchObject({ type: 'full', chain: next.root.point });
    const run = await harness.catalog.runs.find(next.root.run);
    expect(run?.typeReason).toContain(pages.packId);
    expect(run?.typeReason).toContain(full.root.point);
    await expectProtected(harness, next);
    await expectWhole(harness, next);
  });

  test('are not found by their chunks either', async () => {
    const { harness } = await withFull('index');
    const lost = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks')[1] as PackRow;
    harness.catalog.plantPack({ ...lost, damaged: true });

    const next = await harness.backUp('full', { limits });

    expect(next.root.counts.newBytes).toBe(3_000);
    const used = (await packMapOf(await harness.open(next.root.point))).map(({ packId }) => packId);
    expect(used).not.toContain(lost.packId);
  });
});

async function stalled(stallMs: number, meanwhile: (harness: Harness) => void = () => undefined) {
  const { harness } = await withFull('stalled');
  harness.clock.advance(day);
  harness.source.plant('file 4', 'changed');
  const opened = await openRun(harness.services, harness.request('incremental'));
  if (opened.state === 'over') throw new Error('over');
  const { plan, keys } = opened;
  const { source, work, random } = harness;
  const listed = await listShards({
    source,
    work,
    random,
    workPrefix: runPrefix(plan.runId),
    limits,
    shouldStop: () => false,
  });
  if (!listed.done) throw new Error('not done');
  for (const shard of listed.shards) await protectShard(harness.services, shard, { keys, plan, source });
  harness.clock.advance(stallMs);
  meanwhile(harness);
  const commit = commitPoint(harness.services, keys, plan, async () =>
    joinShards(harness.services, keys, plan, listed.shards.length),
  );
  return { harness, commit, plan };
}

describe('a run that stalls before its commit', () => {
  test.each([1, 4, 20, 34])('for %i days extends all that it uses, and commits', async (days) => {
    const { harness, commit, plan } = await stalled(days * day);

    const point = await commit;

    expect(new Date(point.root.expiresAt).getTime()).toBe(
      new Date(point.root.committedAt).getTime() + plan.keepDays * day,
    );
    await expectProtected(harness, point);
    await expectWhole(harness, point);
    const next = await harness.backUp('incremental', { limits });
    expect(next.root).toMatchObject({ type: 'incremental', base: point.root.point });
    await expectProtected(harness, next);
  });

  test('so long that a sweeper got at one of its packs fails, and says what to do', async () => {
    const { harness, commit } = await stalled(60 * day, ({ catalog }) => {
      const row = catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
      catalog.plantPack({ ...row, state: 'deleting' });
    });

    await expect(commit).rejects.toThrow(LeaseTooShortError);
    await expect(commit).rejects.toThrow(/run it again/);
    expect(await harness.committed()).toHaveLength(1);
  });
});
