import { beforeAll, describe, expect, test } from 'vitest';
import { BackupError } from '../../src/errors.ts';
import type { PackId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import type { Catalog } from '../../src/ports/catalog/catalog.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { Root } from '../../src/points/root.ts';
import {
  FaultPlan,
  MemoryCatalog,
  ProcessKilledError,
  withFaults,
  type FaultKind,
} from '../../src/testing/index.ts';
import { verifyHistory } from '../../src/verify/verify-history.ts';
import { verifyPoints } from '../../src/verify/verify-points.ts';
import { verifyVaultFiles } from '../../src/verify/verify-vault-files.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { crashLimits } from './crash-trials.ts';
import { Harness, minute, namesIn } from './harness.ts';
import { someOf } from '../thoroughness.ts';

/** In the gate every so many of the calls are tried. */
const stride = 3;

let harness: Harness;
let roots: Root[];
/** The vault with a bit flipped in one pack. */
let damaged: ObjectStore;
let damagedName: string;
beforeAll(async () => {
  harness = new Harness('verify');
  for (let file = 0; file < 12; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(100));
  roots = [(await harness.backUp('full', { limits: crashLimits })).root];
  harness.clock.advance(minute);
  harness.source.plant('file 2', 'changed');
  roots.push((await harness.backUp('incremental', { limits: crashLimits })).root);
  damagedName = (await namesIn(harness.store, 'packs/'))[0] ?? '';
  const bytes = (await harness.store.get(damagedName)).slice();
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  damaged = withDamage(harness.store, new Map([[damagedName, bytes]]));
});

/** Verifies everything, with faults in the vault, the keyring and the catalog. */
async function verifyAll(behind: ObjectStore, marked: Catalog, plan: FaultPlan): Promise<string> {
  const store = withFaults(behind, plan);
  const keyring = withFaults<Keyring>(harness.keyring, plan);
  const catalog = withFaults(marked, plan);
  const keys = await openVault({ store, keyring });
  const files = await verifyVaultFiles({ store, keyring });
  const history = await verifyHistory(
    { store, keys, catalog: withFaults<Catalog>(harness.catalog, plan) },
    harness.arn,
  );
  const points = roots.map(({ resource, point }) => ({ resourceArn: resource, pointId: point }));
  const verified = await Array.fromAsync(verifyPoints({ store, keys }, points, { catalog }));
  return JSON.stringify({ files, history, verified });
}

/** A catalog that has the rows of the vault's packs. */
function catalogOfPacks(): MemoryCatalog {
  const catalog = new MemoryCatalog();
  for (const row of harness.catalog.packRows()) catalog.plantPack(row);
  return catalog;
}

function markedIn(catalog: MemoryCatalog): PackId[] {
  return catalog.packRows().flatMap(({ packId, damaged: isMarked }) => (isMarked === true ? [packId] : []));
}

describe.each([
  ['whole', 0],
  ['damaged', 1],
] as const)('verification of a vault that is %s', (_, marks) => {
  const behind = (): ObjectStore => (marks === 0 ? harness.store : damaged);

  test.each(['kill', 'kill-after'] as const)('that dies at any call (%s) can be repeated', async (kind) => {
    const plan = new FaultPlan();
    const expected = await verifyAll(behind(), catalogOfPacks(), plan);
    const tried = someOf(plan.calls(), stride, kind.length);
    for (const call of tried) {
      const where = `${kind} at call ${call} of ${plan.calls()}`;
      const catalog = catalogOfPacks();

      const dying = verifyAll(behind(), catalog, new FaultPlan([{ kind, call }]));
      await expect(dying, where).rejects.toThrow(ProcessKilledError);
      expect(markedIn(catalog).length, where).toBeLessThanOrEqual(marks);

      expect(await verifyAll(behind(), catalog, new FaultPlan()), where).toBe(expected);
      expect(markedIn(catalog), where).toHaveLength(marks);
    }
    console.info(`verify (${kind}): ${tried.length} of ${plan.calls()} kill points`);
  });

  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'throttle', 'duplicate'])(
    'never takes a call that goes wrong (%s) for damage',
    async (kind) => {
      const counting = new FaultPlan();
      const expected = await verifyAll(behind(), catalogOfPacks(), counting);
      const calls = counting.calls();
      const tried = someOf(calls, stride, kind.length);
      let failed = 0;
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const catalog = catalogOfPacks();
        try {
          expect(await verifyAll(behind(), catalog, new FaultPlan([{ kind, call }])), where).toBe(expected);
        } catch (error) {
          if (!(error instanceof BackupError) || error.retry !== 'later')
            throw new Error(where, { cause: error });
          failed += 1;
        }
        expect(markedIn(catalog).length, where).toBeLessThanOrEqual(marks);
      }
      console.info(`verify (${kind}): ${tried.length} of ${calls} calls, it failed ${failed} times`);
    },
  );
});
