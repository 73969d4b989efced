import { describe, expect, test } from 'vitest';
import { safety } from '../../src/model/safety.ts';

const { longestExecutionHours: hours } = safety;

describe('safety numbers lean on each other', () => {
  test('no execution outlives its lists and results', () => {
    expect(Math.max(...Object.values(hours))).toBeLessThan(safety.workObjectDays * 24);
  });

  test('a cycle waits for longer than a run may take, and ends after it', () => {
    expect(safety.cycleWaitDays * 24).toBeGreaterThan(hours.protect);
    expect(hours.cycle).toBeGreaterThan(safety.cycleWaitDays * 24);
  });

  test('what waits inside a run ends before the run does', () => {
    expect(safety.snapshotDays * 24).toBeLessThan(hours.protect);
    expect(safety.volumeHours).toBeLessThan(hours.restore);
  });

  test('a run gives signs of life well within the time for which it counts as alive', () => {
    expect(safety.runTouchMinutes * 3).toBeLessThan(safety.runAliveMinutes);
    expect(safety.longestLookSeconds * 2).toBeLessThan(safety.runAliveMinutes * 60);
    expect(safety.runLookSeconds).toBeLessThan(60);
  });

  test('a container is locked for as long as its upload and its run may live', () => {
    expect(safety.containerUploadDays).toBeGreaterThan(safety.unfinishedUploadDays);
    expect(safety.containerUploadDays * 24).toBeGreaterThan(hours.protect);
    expect(safety.baseReadingDays * 24).toBeGreaterThan(hours.protect);
  });

  test('maintenance that fails for days loses no held point', () => {
    expect(safety.heldLeastDays * 24).toBeGreaterThan(3 * safety.maintenanceWithinHours);
    expect(safety.heldLockDays).toBeGreaterThanOrEqual(2 * safety.heldLeastDays);
    expect(safety.renewalMarginDays.least).toBeGreaterThan(1);
  });

  test('the policy lets a run lock for its slack, and keys for what they are ahead', () => {
    expect(safety.capSlackDays * 24).toBeGreaterThan(safety.runSlackHours);
    expect(safety.capMarginDays).toBeGreaterThanOrEqual(safety.keysAheadDays);
  });

  test('what a missed call of the day left is still looked at', () => {
    expect(safety.closeLookBackHours).toBeGreaterThan(2 * 24);
  });
});
