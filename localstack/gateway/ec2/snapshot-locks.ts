import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { completionOf, getSnapshot, isLocked, snapshotState } from './lookup.ts';
import { page } from './paging.ts';
import { findInteger, findText, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, type Ec2Context, type Snapshot, type SnapshotLock } from './region.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const longestDays = 36_500;
const longestCoolOffHours = 72;

function lockState(context: Ec2Context, lock: SnapshotLock): string {
  if (!isLocked(context, lock)) return 'expired';
  if (lock.mode === 'compliance' && lock.coolOffUntil && lock.coolOffUntil > context.now)
    return 'compliance-cooloff';
  return lock.mode;
}

function isFinal(context: Ec2Context, lock: SnapshotLock | undefined): boolean {
  return isLocked(context, lock) && lockState(context, lock) === 'compliance';
}

function requestedLock(context: Ec2Context, input: QueryStructure, snapshot: Snapshot): SnapshotLock {
  const mode = getText(input, 'LockMode');
  if (mode !== 'governance' && mode !== 'compliance') {
    throw invalidParameter('LockMode', mode, "Expected 'governance' or 'compliance'.");
  }
  const durationDays = findInteger(input, 'LockDuration');
  const expiration = findText(input, 'ExpirationDate');
  if ((durationDays === undefined) === (expiration === undefined)) {
    throw new Ec2Error('InvalidParameterCombination', 'Specify either LockDuration or ExpirationDate');
  }
  if (durationDays !== undefined && (durationDays < 1 || durationDays > longestDays)) {
    throw invalidParameter('LockDuration', durationDays, `Expected 1 to ${longestDays} days.`);
  }
  const coolOffHours = findInteger(input, 'CoolOffPeriod');
  if (coolOffHours !== undefined && (coolOffHours < 1 || coolOffHours > longestCoolOffHours)) {
    throw invalidParameter('CoolOffPeriod', coolOffHours, `Expected 1 to ${longestCoolOffHours} hours.`);
  }
  if (coolOffHours !== undefined && mode === 'governance') {
    throw new Ec2Error('InvalidParameterCombination', 'CoolOffPeriod cannot be used with governance mode');
  }
  if (coolOffHours !== undefined && isFinal(context, snapshot.lock)) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'CoolOffPeriod cannot be used once the cooling-off period is over',
    );
  }
  const completesAt = completionOf(context, snapshot);
  const durationStart = completesAt > context.now ? completesAt : context.now;
  const expiresAt =
    expiration === undefined ? later(durationStart, durationDays! * dayMs) : new Date(expiration);
  if (!(expiresAt > context.now))
    throw invalidParameter('ExpirationDate', expiration, 'Expected a time in the future.');
  return {
    mode,
    createdAt: context.now,
    durationDays: durationDays ?? Math.ceil((expiresAt.getTime() - durationStart.getTime()) / dayMs),
    durationStart,
    expiresAt,
    coolOffHours,
    coolOffUntil: coolOffHours === undefined ? undefined : later(context.now, coolOffHours * hourMs),
  };
}

function describeLock(context: Ec2Context, lock: SnapshotLock): XmlStructure {
  return {
    lockState: lockState(context, lock),
    lockDuration: lock.durationDays,
    coolOffPeriod: lock.coolOffHours,
    coolOffPeriodExpiresOn: lock.coolOffUntil,
    lockCreatedOn: lock.createdAt,
    lockDurationStartTime: lock.durationStart,
    lockExpiresOn: lock.expiresAt,
  };
}

export function lockSnapshot(context: Ec2Context, input: QueryStructure): XmlStructure {
  const snapshot = getSnapshot(context, getText(input, 'SnapshotId'));
  if (snapshotState(context, snapshot) === 'error') {
    throw new Ec2Error('IncorrectState', `Snapshot '${snapshot.snapshotId}' is in the 'error' state.`);
  }
  const lock = requestedLock(context, input, snapshot);
  const { lock: current } = snapshot;
  if (isFinal(context, current) && (lock.mode !== 'compliance' || lock.expiresAt < current!.expiresAt)) {
    throw new Ec2Error(
      'OperationNotPermitted',
      `The compliance lock of ${snapshot.snapshotId} can only be extended beyond ${current!.expiresAt.toISOString()}`,
    );
  }
  snapshot.lock = lock;
  return { snapshotId: snapshot.snapshotId, ...describeLock(context, lock) };
}

export function unlockSnapshot(context: Ec2Context, input: QueryStructure): XmlStructure {
  const snapshot = getSnapshot(context, getText(input, 'SnapshotId'));
  if (!isLocked(context, snapshot.lock) || isFinal(context, snapshot.lock)) {
    throw new Ec2Error(
      'OperationNotPermitted',
      `The snapshot ${snapshot.snapshotId} is not locked, or in compliance mode`,
    );
  }
  delete snapshot.lock;
  return { snapshotId: snapshot.snapshotId };
}

export function describeLockedSnapshots(context: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'SnapshotId');
  for (const id of ids) getSnapshot(context, id);
  const locked = [...context.region.snapshots.values()].filter(
    (one) => one.lock !== undefined && (ids.length === 0 || ids.includes(one.snapshotId)),
  );
  const found = listFiltered(locked, input, (snapshot) => ({
    tags: context.region.tags.get(snapshot.snapshotId),
    attributes: { 'lock-state': [lockState(context, snapshot.lock!)] },
  }));
  const { items, nextToken } = page(found, input, ids);
  return {
    snapshotSet: items.map((snapshot) => ({
      ownerId: context.region.accountId,
      snapshotId: snapshot.snapshotId,
      ...describeLock(context, snapshot.lock!),
    })),
    nextToken,
  };
}
