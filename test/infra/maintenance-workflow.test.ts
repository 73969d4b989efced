import aslValidator from 'asl-validator';
import { describe, expect, test } from 'vitest';
import { definitionOf, statesOf } from './machine-definitions.ts';

describe('maintenance', () => {
  const maintenance = definitionOf('Maintenance');
  const states = statesOf(maintenance);
  const tasks = states.filter(([, { Type }]) => Type === 'Task');
  const next = (name: string) => maintenance.States[name]?.Next;
  const caught = (name: string) => maintenance.States[name]?.Catch?.at(-1);

  test('is valid Amazon States Language', () => {
    const validation = aslValidator(structuredClone(maintenance));

    expect(validation.isValid ? '' : validation.errorsText('\n')).toBe('');
  });

  test('keeps before it removes, and removes points before their packs', () => {
    expect([
      maintenance.States['IsPlanned']?.Choices?.[0]?.['Next'],
      next('RecordConfiguration'),
      next('ReconcilePointsDone'),
      next('ReconcileHoldsDone'),
      next('RenewLeases'),
      next('StartContainers'),
      next('ExpirePointsDone'),
      next('SweepPacks'),
      next('SweepSnapshotsDone'),
      next('VerifySample'),
      next('WriteCheckpointDone'),
    ]).toEqual([
      'RecordConfiguration',
      'ReconcilePoints',
      'ReconcileHolds',
      'RenewLeases',
      'StartContainers',
      'ExpirePoints',
      'MaySweepPacks',
      'SweepSnapshots',
      'VerifySample',
      'WriteCheckpoint',
      'ReportMaintenance',
    ]);
  });

  test('sweeps only where points were held, renewed and expired', () => {
    expect(next('ExpirePointsDone')).toBe('MaySweepPacks');
    expect(maintenance.States['MaySweepPacks']).toMatchObject({
      Choices: [
        {
          And: [
            { Variable: '$.expired.skipped', IsPresent: true },
            { Variable: '$.expired.skipped', BooleanEquals: false },
          ],
          Next: 'SweepPacks',
        },
      ],
      Default: 'SweepSnapshots',
    });
  });

  test('goes on after a stage that failed, and remembers why', () => {
    expect(caught('PlanMaintenance')).toMatchObject({
      Next: 'ReportMaintenance',
      ResultPath: '$.errors.plan',
    });
    expect(caught('ReconcilePoints')).toMatchObject({
      Next: 'ReconcileHolds',
      ResultPath: '$.errors.reconcile',
    });
    expect(caught('RenewLeases')).toMatchObject({ Next: 'StartContainers', ResultPath: '$.errors.renew' });
    expect(caught('ExpirePoints')).toMatchObject({ Next: 'MaySweepPacks', ResultPath: '$.errors.expire' });
    expect(caught('SweepPacks')).toMatchObject({ Next: 'SweepSnapshots', ResultPath: '$.errors.sweep' });
    expect(caught('VerifySample')).toMatchObject({
      Next: 'WriteCheckpoint',
      ResultPath: '$.errors.verify',
    });
    expect(maintenance.States['ReportMaintenance']?.Catch).toMatchObject([
      { ErrorEquals: ['MaintenanceFailedError'], Next: 'NameMaintenanceFailed' },
      { ErrorEquals: ['States.ALL'], Next: 'MaintenanceUnreportedCause' },
    ]);
  });

  test('ends every step that never answers, and retries what passes', () => {
    expect(tasks).toHaveLength(12);
    for (const [name, { TimeoutSeconds, Retry }] of tasks) {
      expect(TimeoutSeconds, name).toBeGreaterThan(0);
      expect(Retry?.[1]?.ErrorEquals, name).toContain('StoreUnavailableError');
    }
  });

  test('works off some partitions at a time, and one that fails leaves the others', () => {
    for (const name of ['RenewLeases', 'SweepPacks', 'VerifySample']) {
      const map = maintenance.States[name];

      expect(map, name).toMatchObject({ MaxConcurrency: 4, ItemsPath: '$.plan.partitions' });
      expect(map?.ItemProcessor?.States[`${name}OfPartition`]?.Catch?.at(-1)?.Next, name).toBe(
        `${name}Failed`,
      );
    }
  });

  test('begins every loop with a state of null, which a first call expects', () => {
    expect(maintenance.States['Begin']).toMatchObject({
      Result: {
        errors: {},
        reconciled: { state: null },
        renewed: null,
        expired: { state: null },
        checkpoint: { state: null },
      },
    });
    for (const name of ['RenewLeases', 'SweepPacks', 'VerifySample']) {
      expect(maintenance.States[name]?.ItemProcessor?.States[`${name}Begin`], name).toMatchObject({
        Result: { state: null },
        ResultPath: '$.step',
      });
    }
  });
});
