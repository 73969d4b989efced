import { describe, expect, test } from 'vitest';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import { applyHold } from '../../src/holds/apply-hold.ts';
import { reconcileHolds } from '../../src/holds/reconcile-holds.ts';
import { releaseHold, releasePoints } from '../../src/holds/release-hold.ts';
import { setHold } from '../../src/holds/set-hold.ts';
import type { HoldId, PointId } from '../../src/ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { containerName, objectNameOf } from '../../src/packs/object-names.ts';
import type { HoldScope } from '../../src/model/machines/hold.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { Harness, day } from '../runs/harness.ts';
import { strideOf } from '../thoroughness.ts';

const first = '11111111111111111111111111111111' as HoldId;
const second = '22222222222222222222222222222222' as HoldId;

class Scene extends Harness {
  static async withPoint(type: BackupType = 'full'): Promise<{ scene: Scene; point: PointId }> {
    const scene = new Scene(type);
    scene.source.plant('a', 'content of a');
    scene.source.plant('b', 'content of b');
    let { root } = await scene.backUp('full');
    if (type !== 'full') ({ root } = await scene.backUp(type));
    return { scene, point: root.point };
  }

  async hold(holdId: HoldId, scope: HoldScope, services: AllServices = this.services): Promise<void> {
    const hold = await setHold(services, { holdId, scope, setBy: 'a lawyer', reason: 'case 7' });
    expect((await applyHold(services, await this.keys(), hold)).failures.count).toBe(0);
  }

  async release(holdId: HoldId, services: AllServices = this.services): Promise<void> {
    await releaseHold(services, { holdId, releasedBy: 'a judge', reason: 'case 7 is over' });
    await releasePoints(services, await this.keys(), new Set([holdId]));
  }

  /** A day of maintenance, as far as holds, expiring and sweeping go. */
  async maintain(): Promise<void> {
    const { store, catalog, index } = this;
    const keys = await this.keys();
    await reconcileHolds(this.services, keys);
    await expirePoints(this.services);
    await sweepPacks({ store, catalog, index, listChunkIds: createChunkIdReader(store, keys) });
  }

  /** Time passes, with maintenance as often as the product runs it where it matters: before a lease would end. */
  async pass(days: number): Promise<void> {
    for (let passed = 0; passed < days; passed += 10) {
      this.clock.advance(10 * day);
      await this.maintain();
    }
  }

  /** Names of the vault's objects, without its keys and the audit log. */
  async objects(): Promise<readonly string[]> {
    const names = await Array.fromAsync(this.store.listVersions(''), ({ name }) => name);
    return names.filter((name) => /^(packs|pages|points|containers)\//.test(name));
  }
}

describe.each(['full', 'synthetic-full'] as const)('a held point that is a %s', (type) => {
  test('outlives its retention and restores, and goes once it is released', async () => {
    const { scene, point } = await Scene.withPoint(type);
    const before = await scene.restore(point);
    await scene.hold(first, { kind: 'point', pointId: point });

    await scene.pass(400);

    expect((await scene.restore(point)).state).toEqual(before.state);
    await scene.release(first);
    await scene.pass(120);
    expect(await scene.catalog.points.find(point)).toBeUndefined();
    expect(await scene.objects()).toEqual([]);
  });

  test('stays for as long as anybody holds it', async () => {
    const { scene, point } = await Scene.withPoint(type);
    await scene.hold(first, { kind: 'point', pointId: point });
    await scene.hold(second, { kind: 'resource', resourceArn: scene.arn });

    await scene.release(first);
    await scene.pass(120);
    expect((await scene.restore(point)).state.size).toBe(2);
    expect((await scene.catalog.points.find(point))?.holds).toEqual([second]);

    await scene.release(second);
    await scene.pass(120);
    expect(await scene.objects()).toEqual([]);
  });
});

test('sets the flag of the store on the root and its own container, and on no shared pack', async () => {
  const { scene, point } = await Scene.withPoint('synthetic-full');
  await scene.hold(first, { kind: 'point', pointId: point });

  const flagged: string[] = [];
  for (const name of await scene.objects())
    if ((await scene.store.head(name)).legalHold === true) flagged.push(name);

  const row = await scene.catalog.points.find(point);
  const container = scene.catalog.packRows().find(({ kind }) => kind === 'container');
  expect(new Set(flagged)).toEqual(new Set([containerName(container?.packId as never), row?.rootName]));
  expect(container?.holds).toEqual([first]);
});

test.each<[string, HoldScope]>([
  ['resource', { kind: 'resource', resourceArn: 'arn:aws:s3:::photos' as never }],
  ['tag', { kind: 'tag', key: 'case', value: '7' }],
])('a hold on a %s keeps the points that are still to come', async (_what, scope) => {
  const scene = new Scene('to come');
  await scene.catalog.resources.put({
    arn: scene.arn,
    kind: 's3-bucket',
    plan: 'daily',
    seenAt: scene.clock.now(),
    tags: { case: '7' },
  });
  scene.source.plant('a', 'content');
  await scene.backUp('full');
  await scene.hold(first, scope);
  const { root } = await scene.backUp('full');

  await scene.pass(100);

  expect((await scene.catalog.points.find(root.point))?.holds).toEqual([first]);
  expect((await scene.restore(root.point)).state.size).toBe(1);
});

test('a point that is about to expire is prolonged at once', async () => {
  const { scene, point } = await Scene.withPoint();
  scene.clock.advance(35 * day - 3_600_000);

  await scene.hold(first, { kind: 'point', pointId: point });

  const row = await scene.catalog.points.find(point);
  expect(row?.expiresAt.getTime()).toBeGreaterThan(scene.clock.now().getTime() + 29 * day);
  // Nobody can take a lock back: not by more than it needs.
  expect(row?.expiresAt.getTime()).toBeLessThanOrEqual(scene.clock.now().getTime() + 37 * day);
});

test('a hold on a point of which packs have been swept says so, and holds the rest', async () => {
  const { scene, point } = await Scene.withPoint();
  scene.clock.advance(80 * day);
  const swept = scene.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  await scene.store.removeVersion(objectNameOf(swept), swept.versionId ?? '');
  const hold = await setHold(scene.services, {
    holdId: first,
    scope: { kind: 'point', pointId: point },
    setBy: 'a lawyer',
    reason: 'too late',
  });

  const report = await applyHold(scene.services, await scene.keys(), hold);

  expect(report).toMatchObject({ failures: { count: 0 }, damaged: { count: 1 } });
  expect(report.damaged.messages[0]).toContain(swept.packId);
  expect((await scene.catalog.points.find(point))?.holds).toEqual([first]);
});

test('a hold whose process dies at any call, or a release, is finished by whoever comes next', async () => {
  const stride = strideOf(4);
  let tried = 0;
  let combination = 0;
  for (const kind of ['kill', 'kill-after'] as const) {
    for (const what of ['hold', 'release'] as const) {
      combination += 1;
      const firstCall = 1 + (combination % stride);
      for (let call = firstCall, calls = call; call <= calls; call += stride, tried++) {
        const { scene, point } = await Scene.withPoint('synthetic-full');
        const scope: HoldScope = { kind: 'point', pointId: point };
        if (what === 'release') await scene.hold(first, scope);
        const faults = new FaultPlan([{ kind, call }]);
        const { store, catalog } = scene;
        const services = {
          ...scene.services,
          store: withFaults(store, faults),
          catalog: withFaults(catalog, faults),
        };
        const attempt = what === 'hold' ? scene.hold(first, scope, services) : scene.release(first, services);
        await attempt.catch((error: unknown) => {
          if (!(error instanceof ProcessKilledError)) throw error;
        });
        calls = faults.killed ? call + stride : call;

        await (what === 'hold' ? scene.hold(first, scope) : scene.release(first));
        await scene.pass(100);

        const kept = await scene.catalog.points.find(point);
        const where = `${what}, ${kind} at call ${call}`;
        if (what === 'hold') {
          expect([where, kept?.holds]).toEqual([where, [first]]);
          expect((await scene.restore(point)).state.size).toBe(2);
        } else {
          expect([where, kept, await scene.objects()]).toEqual([where, undefined, []]);
        }
        expect(
          (await verifyAudit(scene.store)).problems.filter(({ problem }) => problem !== 'unrecorded'),
        ).toEqual([]);
      }
    }
  }
  expect(tried).toBeGreaterThan(40 / stride);
});

test('a hold that is released while it is being applied holds nothing in the end', async () => {
  const { scene, point } = await Scene.withPoint();
  const hold = await setHold(scene.services, {
    holdId: first,
    scope: { kind: 'point', pointId: point },
    setBy: 'a lawyer',
    reason: 'case 7',
  });
  await scene.release(first);

  await applyHold(scene.services, await scene.keys(), hold);

  expect((await scene.catalog.points.find(point))?.holds).toBeUndefined();
});

test('who, what and why are on the audit log', async () => {
  const { scene, point } = await Scene.withPoint();
  await scene.hold(first, { kind: 'point', pointId: point });
  await scene.release(first);
  const events: unknown[] = [];

  await verifyAudit(scene.store, { onEntry: ({ by, event }) => events.push({ by, ...event }) });

  expect(events.slice(1)).toEqual([
    {
      by: 'a lawyer',
      kind: 'hold-set',
      hold: first,
      scope: { kind: 'point', pointId: point },
      reason: 'case 7',
    },
    { by: 'a judge', kind: 'hold-released', hold: first, reason: 'case 7 is over' },
  ]);
});

describe('refuses', () => {
  const unknown = '20260101T000000Z-0123456789abcdef' as PointId;

  test('to hold what does not exist', async () => {
    const { scene } = await Scene.withPoint();
    const ask = async (scope: HoldScope) =>
      setHold(scene.services, { holdId: first, scope, setBy: 'me', reason: 'because' });

    await expect(ask({ kind: 'point', pointId: unknown })).rejects.toThrow(
      `point ${unknown} is not in the catalog`,
    );
    await expect(ask({ kind: 'resource', resourceArn: 'arn:aws:s3:::none' as never })).rejects.toThrow(
      'arn:aws:s3:::none',
    );
    await expect(ask({ kind: 'tag', key: 'case', value: '8' })).rejects.toThrow(
      'no resource carried the tag case=8',
    );
    expect(await Array.fromAsync(scene.catalog.holds.list())).toEqual([]);
  });

  test('to hold or release without a reason', async () => {
    const { scene, point } = await Scene.withPoint();
    const scope = { kind: 'point', pointId: point } as const;

    await expect(setHold(scene.services, { holdId: first, scope, setBy: 'me', reason: ' ' })).rejects.toThrow(
      'needs a reason',
    );
    await scene.hold(first, scope);
    await expect(
      releaseHold(scene.services, { holdId: first, releasedBy: 'me', reason: '' }),
    ).rejects.toThrow('needs a reason');
    expect((await scene.catalog.points.find(point))?.holds).toEqual([first]);
  });

  test('to release what is not held', async () => {
    const { scene } = await Scene.withPoint();

    await expect(
      releaseHold(scene.services, { holdId: second, releasedBy: 'me', reason: 'why not' }),
    ).rejects.toThrow(`hold ${second} does not exist`);
  });
});

test('a hold that is set again is the same one, in whatever order a catalog gives its fields back', async () => {
  const { scene } = await Scene.withPoint();
  const seenAt = scene.clock.now();
  await scene.catalog.holds.put({
    holdId: first,
    scope: { value: '7', key: 'case', kind: 'tag' },
    setBy: 'a lawyer',
    reason: 'case 7',
    setAt: seenAt,
  });

  const scope = { kind: 'tag', key: 'case', value: '7' } as const;
  const again = await setHold(scene.services, { holdId: first, scope, setBy: 'somebody', reason: 'case 7' });

  expect(again.setAt).toEqual(seenAt);
});

describe.each(['full', 'synthetic-full'] as const)('a held %s whose root', (type) => {
  test.each<[string, Uint8Array | undefined]>([
    ['is damaged', new Uint8Array(100)],
    ['is gone', undefined],
  ])('%s is reported, hinders nobody, and can be let go of', async (_what, bytes) => {
    const { scene, point } = await Scene.withPoint(type);
    await scene.hold(first, { kind: 'point', pointId: point });
    await scene.hold(second, { kind: 'resource', resourceArn: scene.arn });
    const row = await scene.catalog.points.find(point);
    const store = withDamage(scene.store, new Map([[row?.rootName ?? '', bytes]]));
    const services = { ...scene.services, store };

    const report = await reconcileHolds(services, await scene.keys());
    await releaseHold(services, { holdId: first, releasedBy: 'a judge', reason: 'over' });
    const released = await releasePoints(services, await scene.keys(), new Set([first]));

    expect(report).toMatchObject({ done: true, failures: { count: 0 }, damaged: { count: 2 } });
    expect(report.damaged.messages[0]).toContain(point);
    expect(released).toMatchObject({ released: 1, failures: { count: 0 } });
    expect((await scene.catalog.points.find(point))?.holds).toEqual([second]);
    const containers = scene.catalog.packRows().filter(({ kind }) => kind === 'container');
    expect(containers.map(({ holds }) => holds)).toEqual(type === 'full' ? [] : [[second]]);
  });
});

test('a hold whose points cannot be listed is reported, and the others are applied', async () => {
  const { scene, point } = await Scene.withPoint();
  for (const holdId of [first, second])
    await scene.hold(holdId, { kind: 'resource', resourceArn: scene.arn });
  for (const holdId of [first, second]) await scene.catalog.points.removeHold(point, holdId);
  const faults = new FaultPlan([{ kind: 'throttle', call: 1, method: 'points.list' }]);
  const services = { ...scene.services, catalog: withFaults(scene.catalog, faults) };

  const report = await reconcileHolds(services, await scene.keys());

  expect(report).toMatchObject({ done: true, holds: 2, held: 1, failures: { count: 1 } });
  expect((await scene.catalog.points.find(point))?.holds).toHaveLength(1);
});
