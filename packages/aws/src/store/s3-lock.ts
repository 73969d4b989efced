import type { ObjectLock } from '@holdfast/engine';

/** The three headers that lock a version while it is written. */
export interface LockHeaders {
  readonly ObjectLockMode?: 'GOVERNANCE' | 'COMPLIANCE';
  readonly ObjectLockRetainUntilDate?: Date;
}

/** Lock headers of a write; none without a lock. */
export function lockHeaders(lock: ObjectLock | undefined): LockHeaders {
  if (lock === undefined) return {};
  return { ObjectLockMode: toS3Mode(lock.mode), ObjectLockRetainUntilDate: lock.until };
}

/** S3's word for a lock mode. */
export function toS3Mode(mode: ObjectLock['mode']): 'GOVERNANCE' | 'COMPLIANCE' {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

/** A lock from what S3 answers, or `undefined` if the version has none. */
export function fromS3Lock(mode: string | undefined, until: Date | undefined): ObjectLock | undefined {
  if (mode === undefined || until === undefined) return undefined;
  return { mode: mode === 'COMPLIANCE' ? 'compliance' : 'governance', until };
}

/** A lock as a person reads it. */
export function describeLock(lock: ObjectLock | undefined): string {
  return lock === undefined ? 'not at all' : `${lock.mode} until ${lock.until.toISOString()}`;
}
