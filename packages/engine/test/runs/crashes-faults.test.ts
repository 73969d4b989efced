import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { BackupError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import { VaultKeys } from '../../src/keys/vault-keys.ts';
import { rootName } from '../../src/packs/object-names.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import { FaultPlan, type FaultKind } from '../../src/testing/index.ts';
import { verifyHistory } from '../../src/verify/verify-history.ts';
import {
  callsOfBackup,
  expectAllWhole,
  faultyServices,
  prepareTrial,
  trials,
  visibleState,
} from './crash-trials.ts';
import { day, minute, namesIn } from './harness.ts';
import { someOf } from '../thoroughness.ts';

/** In the gate every so many of the calls are tried. */
const stride = 64;

describe.each(trials)(
  'a store that does not answer one call of a $type backup of $source',
  ({ source, type }) => {
    // A part of an upload that is sent twice counts once, by its number; the double cannot know that it is the same.
    const duplicate: readonly FaultKind[] = type === 'synthetic-full' ? [] : ['duplicate'];
    test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'throttle', ...duplicate])(
      'whichever it is (%s), has the run succeed or fail cleanly',
      async (kind) => {
        const calls = await callsOfBackup({ source, type });
        const tried = someOf(calls, stride, kind.length);
        let failed = 0;
        for (const call of tried) {
          const where = `${kind} at call ${call} of ${calls}`;
          const trial = await prepareTrial({ source, type });
          const { harness } = trial;
          const visible = await visibleState(trial, type);
          const runId = newId<RunId>(harness.random);
          const plan = new FaultPlan([{ kind, call, ...(kind === 'throttle' && { times: 3 }) }]);
          try {
            await trial.backUp(type, { runId, services: faultyServices(harness, plan) });
          } catch (error) {
            if (!(error instanceof BackupError) || error.retry !== 'later')
              throw new Error(where, { cause: error });
            failed += 1;
          }
          await expectAllWhole(trial, visible, where);

          harness.clock.advance(31 * minute);
          const next = await trial.backUp(type);
          expect(next.state, where).toBe('completed');
          await expectAllWhole(trial, visible, where);
        }
        console.info(
          `${source}, ${type} (${kind}): ${tried.length} of ${calls} calls, the run failed ${failed} times`,
        );
      },
    );
  },
);

describe.each(trials)(
  'a store that keeps half of what a $type backup of $source writes',
  ({ source, type }) => {
    test('never makes half of it visible as if it were whole', async () => {
      const calls = await callsOfBackup({ source, type });
      const tried = someOf(calls, stride, 2);
      const found = { refused: 0, 'root refused': 0, whole: 0 };
      for (const call of tried) {
        const where = `tear at call ${call} of ${calls}`;
        const trial = await prepareTrial({ source, type });
        const { harness } = trial;
        const visible = await visibleState(trial, type);
        const plan = new FaultPlan([{ kind: 'tear', call }]);
        try {
          await trial.backUp(type, { services: faultyServices(harness, plan) });
        } catch (error) {
          if (!(error instanceof BackupError)) throw new Error(where, { cause: error });
        }
        const keys = await harness.keys().catch((error: unknown) => error);
        if (keys instanceof Error && (await namesIn(harness.store, 'format.json')).length > 0) {
          // Half of format.json: nobody takes it for a vault.
          expect(keys, where).toBeInstanceOf(StoredBytesDamagedError);
          found.refused += 1;
          continue;
        }
        if (keys instanceof VaultKeys) {
          const { problems } = await verifyHistory({ store: harness.store, keys }, harness.arn);
          for (const { pointId } of problems) {
            expect(await harness.catalog.points.find(pointId as PointId), where).toBeUndefined();
            const { name, versionId } = await harness.store.head(
              rootName(resourceKeyOf(harness.arn), pointId as PointId),
            );
            harness.clock.advance(400 * day);
            await harness.store.removeVersion(name, versionId);
            harness.clock.advance(-400 * day);
          }
          found[problems.length > 0 ? 'root refused' : 'whole'] += 1;
        }
        await expectAllWhole(trial, visible, where);

        harness.clock.advance(31 * minute);
        expect((await trial.backUp(type)).state, where).toBe('completed');
        await expectAllWhole(trial, visible, where);
      }
      console.info(`${source}, ${type} (tear): ${tried.length} of ${calls} calls: ${JSON.stringify(found)}`);
    });
  },
);
