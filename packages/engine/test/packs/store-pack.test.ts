import { describe, expect, test, vi } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import { PackBuilder } from '../../src/packs/pack-builder.ts';
import { storePack, type PackStoring } from '../../src/packs/store-pack.ts';
import type { Catalog } from '../../src/ports/catalog/catalog.ts';
import { FaultPlan, ProcessKilledError, withFaults, type FaultKind } from '../../src/testing/index.ts';
import { makeContents, makeTestVault, type TestVault } from './test-vault.ts';

async function makeSealed({ vault, random }: TestVault, seed = 'sealed'): Promise<PackBuilder> {
  const builder = new PackBuilder({
    kind: 'chunks',
    vault,
    dataKey: await vault.currentDataKey(),
    packId: newId<PackId>(random),
    slab: Buffer.alloc(1 << 18),
  });
  for (const content of makeContents(seed, 5, 2_000))
    builder.append('chunk', [{ id: vault.chunkId(content), plainBytes: content.length }], content);
  builder.seal();
  return builder;
}

/** The ports of a process that dies or fails as planned. */
function faulty(vault: TestVault, plan: FaultPlan): PackStoring {
  return {
    ...vault,
    store: withFaults(vault.store, plan),
    catalog: withFaults<Catalog>(vault.catalog, plan),
    chunkIndex: withFaults(vault.chunkIndex, plan),
  };
}

async function packIdsSeen({ store }: TestVault): Promise<PackId[]> {
  const ids: PackId[] = [];
  for await (const { name } of store.listVersions('packs/')) ids.push(name.slice(-32) as PackId);
  return ids;
}

/** What must hold at any moment, whatever died: rule 1 of docs/leases.md. */
async function expectConsistent(vault: TestVault, candidates: readonly PackId[]): Promise<void> {
  const rows = await vault.catalog.packs.findAll([
    ...new Set([...candidates, ...(await packIdsSeen(vault))]),
  ]);
  for (const packId of await packIdsSeen(vault))
    expect(rows.has(packId), 'every object has a row').toBe(true);
  for (const row of rows.values()) {
    if (row.state !== 'live') continue;
    const name = objectNameOf(row);
    const state = await vault.store.head(name, { versionId: row.versionId! });
    expect(state.lock?.until.getTime()).toBeGreaterThanOrEqual(row.lockedUntil!.getTime());
    expect(state.bytes).toBe(row.bytes);
    expect(
      (await checkPack(vault.store, vault.vault, { packId: row.packId, name }, 'chunks')).damage,
    ).toEqual([]);
  }
  const ids = makeContents('sealed', 5, 2_000).map((content) => vault.vault.chunkId(content));
  for (const { packId } of (await vault.chunkIndex.find(ids)).values()) {
    expect(
      (await vault.catalog.packs.findAll([packId])).get(packId)?.state,
      'the index names live packs only',
    ).toBe('live');
  }
}

describe('storing a pack', () => {
  test('leaves a locked object, a live row and index items', async () => {
    const vault = await makeTestVault();
    const sealed = await makeSealed(vault);

    const stored = await storePack(sealed, vault);

    const rows = await vault.catalog.packs.findAll([stored.packId]);
    expect(rows.get(stored.packId)).toMatchObject({
      state: 'live',
      kind: 'chunks',
      retentionClass: 'standard',
      versionId: stored.versionId,
      bytes: sealed.body.length,
      lockedUntil: vault.lease.leaseUntil,
      lockUntil: vault.lease.leaseUntil,
    });
    expect((await vault.store.head(stored.name)).lock).toEqual({
      mode: 'governance',
      until: vault.lease.leaseUntil,
    });
    expect(vault.chunkIndex.size).toBe(5);
    await expectConsistent(vault, [stored.packId]);
  });

  test('keeps the vault consistent when the process dies at any call, and can be done again', async () => {
    let finished = false;
    for (let call = 1; !finished; call++) {
      for (const kind of ['kill', 'kill-after'] as const) {
        const vault = await makeTestVault(`killed ${call}`);
        const plan = new FaultPlan([{ kind, call }]);
        const sealed = await makeSealed(vault);
        await storePack(sealed, faulty(vault, plan)).catch((error: unknown) =>
          expect(error).toBeInstanceOf(ProcessKilledError),
        );
        finished = !plan.killed;
        await expectConsistent(vault, [sealed.pack.packId]);

        const again = await storePack(await makeSealed(vault), vault);

        await expectConsistent(vault, [sealed.pack.packId, again.packId]);
        expect(vault.chunkIndex.size).toBe(5);
      }
    }
  });

  test('survives any single failure of any call, and two in a row', async () => {
    const kinds: FaultKind[] = ['fail-before', 'fail-after', 'time-out', 'throttle', 'duplicate'];
    for (const kind of kinds) {
      for (const times of [1, 2]) {
        for (const method of ['packs.claim', 'put', 'packs.confirm']) {
          const vault = await makeTestVault(`${kind} ${method}`);
          const sealed = await makeSealed(vault);

          const stored = await storePack(
            sealed,
            faulty(vault, new FaultPlan([{ kind, call: 1, method, times }])),
          );

          expect(stored.packId).toBe(sealed.pack.packId);
          expect((await vault.catalog.packs.findAll([stored.packId])).get(stored.packId)?.state).toBe('live');
          await expectConsistent(vault, [stored.packId]);
        }
      }
    }
  });

  test('never puts bytes under a name twice', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'fail-after', call: 1, method: 'put', times: 2 }]);

    const stored = await storePack(
      await makeSealed(vault),
      faulty({ ...vault, chunkIndex: vault.chunkIndex }, plan),
    );

    const names = await packIdsSeen(vault);
    expect(new Set(names).size).toBe(names.length);
    const rows = await vault.catalog.packs.findAll(names);
    expect([...rows.values()].filter(({ state }) => state === 'live').map(({ packId }) => packId)).toEqual([
      stored.packId,
    ]);
    expect([...rows.values()].filter(({ state }) => state === 'writing').length).toBeGreaterThan(0);
  });

  test('starts again under a new name when the sweeper took the row', async () => {
    const vault = await makeTestVault();
    const sealed = await makeSealed(vault);
    const first = sealed.pack.packId;
    vi.spyOn(vault.catalog.packs, 'confirm').mockResolvedValueOnce('lost');

    const stored = await storePack(sealed, vault);

    expect(stored.packId).not.toBe(first);
    expect(
      (await vault.chunkIndex.find(sealed.frames.map(({ contents }) => contents[0]?.id as never))).size,
    ).toBe(5);
    await expectConsistent(vault, [first, stored.packId]);
  });

  test('gives up after a bounded number of attempts and waits longer each time', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'throttle', call: 1, method: 'put', times: 1000 }]);
    const retry = { attempts: 4, firstDelayMs: 1_000, maxDelayMs: 2_000 };

    await expect(storePack(await makeSealed(vault), { ...faulty(vault, plan), retry })).rejects.toMatchObject(
      {
        name: 'StoreUnavailableError',
      },
    );

    expect(plan.calls('put')).toBe(4);
    expect(vault.clock.sleeps.length).toBe(3);
    expect(vault.clock.sleeps[0]).toBeLessThanOrEqual(1_000);
    expect(Math.max(...vault.clock.sleeps)).toBeLessThanOrEqual(2_000);
  });

  test('does not fail for want of index items', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'throttle', call: 1, method: 'put', times: 1000 }]);

    const stored = await storePack(await makeSealed(vault), {
      ...vault,
      chunkIndex: withFaults(vault.chunkIndex, plan),
    });

    expect((await vault.catalog.packs.findAll([stored.packId])).get(stored.packId)?.state).toBe('live');
    expect(vault.chunkIndex.size).toBe(0);
  });

  test('locks to whole seconds, never before the lease', async () => {
    const vault = await makeTestVault();
    const leaseUntil = new Date('2026-03-01T00:00:00.001Z');

    const stored = await storePack(await makeSealed(vault), {
      ...vault,
      lease: { ...vault.lease, leaseUntil },
    });

    expect((await vault.store.head(stored.name)).lock?.until).toEqual(new Date('2026-03-01T00:00:01Z'));
  });
});
