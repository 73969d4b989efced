import type { ObjectLock } from '@holdfast/engine';

export interface LockHeaders {
  readonly ObjectLockMode?: 'GOVERNANCE' | 'COMPLIANCE';
  readonly ObjectLockRetainUntilDate?: Date;
}

export function lockHeaders(lock: ObjectLock | undefined): LockHeaders {
  if (lock === undefined) return {};
  return { ObjectLockMode: toS3Mode(lock.mode), ObjectLockRetainUntilDate: lock.until };
}

export function toS3Mode(mode: ObjectLock['mode']): 'GOVERNANCE' | 'COMPLIANCE' {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

export function fromS3Lock(mode: string | undefined, until: Date | undefined): ObjectLock | undefined {
  if (mode === undefined || until === undefined) return undefined;
  return { mode: mode === 'COMPLIANCE' ? 'compliance' : 'governance', until };
}

export function describeLock(lock: ObjectLock | undefined): string {
  return lock === undefined ? 'not at all' : `${lock.mode} until ${lock.until.toISOString()}`;
}
