import type { HoldId, PackId, PointId, ResourceArn, RunId } from '../../ids.ts';
import type { HoldRow } from '../../ports/catalog/holds.ts';
import type { PackClaim, PackRow } from '../../ports/catalog/packs.ts';
import type { PointRow } from '../../ports/catalog/points.ts';
import type { RestoreRow } from '../../ports/catalog/restores.ts';
import type { RunRow } from '../../ports/catalog/runs.ts';

/** A moment of the suite's day, in minutes after its start. */
export function at(minutes: number): Date {
  return new Date(Date.UTC(2026, 0, 5, 0, 0, 0) + minutes * 60_000);
}

export function bucketArn(name: string): ResourceArn {
  return `arn:aws:s3:::${name}` as ResourceArn;
}

/** A run that starts at a minute and counts as alive for ten. */
export function runRow(id: string, startMinute: number, change: Partial<RunRow> = {}): RunRow {
  return {
    runId: id.padStart(32, '0') as RunId,
    resourceArn: bucketArn('photos'),
    plan: 'daily',
    requestedType: 'incremental',
    type: 'incremental',
    leaseUntil: at(100_000),
    startedAt: at(startMinute),
    aliveUntil: at(startMinute + 10),
    state: 'open',
    ...change,
  };
}

/** A committed point whose source time is a minute. */
export function pointRow(sourceMinute: number, change: Partial<PointRow> = {}): PointRow {
  const stamp = at(sourceMinute)
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '');
  const pointId = `${stamp}-${String(sourceMinute).padStart(16, '0')}` as PointId;
  return {
    pointId,
    resourceArn: bucketArn('photos'),
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    chainPointId: pointId,
    runId: 'a1'.padStart(32, '0') as RunId,
    sourceTime: at(sourceMinute),
    committedAt: at(sourceMinute + 5),
    expiresAt: at(sourceMinute + 50_000),
    retentionClass: 'short',
    counts: {
      files: 12,
      filesChanged: 3,
      filesRemoved: 0,
      logicalBytes: 5 * 2 ** 40 + 1,
      readBytes: 1000,
      newBytes: 900,
      storedBytes: 500,
    },
    warnings: 0,
    seconds: 12.5,
    rootName: `points/0/${pointId}`,
    rootVersionId: 'v1',
    ...change,
  };
}

export function packClaim(id: string): PackClaim {
  return {
    packId: packIdOf(id),
    kind: 'chunks',
    retentionClass: 'short',
    runId: 'a1'.padStart(32, '0') as RunId,
    lockUntil: at(1000),
  };
}

export const storedAs = { versionId: 'v1', bytes: 33_554_432, lockedUntil: at(1000) } as const;

export function livePack(id: string, change: Partial<PackRow> = {}): PackRow {
  return { ...packClaim(id), ...storedAs, state: 'live', ...change };
}

export function packIdOf(id: string): PackId {
  return id.padStart(32, '0') as PackId;
}

export function restoreRow(id: string, startMinute: number): RestoreRow {
  return {
    restoreId: id.padStart(32, '0'),
    pointId: pointRow(0).pointId,
    resourceArn: bucketArn('photos'),
    target: 's3://restored/here/',
    state: 'running',
    startedAt: at(startMinute),
  };
}

export function holdIdOf(id: string): HoldId {
  return id.padStart(32, '0') as HoldId;
}

export function holdRow(id: string, setMinute: number, change: Partial<HoldRow> = {}): HoldRow {
  return {
    holdId: holdIdOf(id),
    scope: { kind: 'resource', resourceArn: bucketArn('photos') },
    setBy: 'arn:aws:iam::123456789012:user/ada',
    reason: 'case 42',
    setAt: at(setMinute),
    ...change,
  };
}
