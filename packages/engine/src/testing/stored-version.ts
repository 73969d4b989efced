import type { ObjectLock, ObjectVersion, ThawState } from '../ports/object-store.ts';

/** Content that is computed when it is read, so that an object of terabytes takes no memory. */
export interface SparseContent {
  readonly bytes: number;
  read(offset: number, length: number): Uint8Array;
}

/** A version as the double keeps it. Never changed: a change puts another in its place. */
export interface StoredVersion {
  readonly versionId: string;
  readonly content: SparseContent;
  readonly storedAt: Date;
  readonly storageClass?: string | undefined;
  readonly marker: boolean;
  readonly lock?: ObjectLock | undefined;
  readonly legalHold?: boolean;
  readonly thaw?: ThawState;
}

export function describe(name: string, version: StoredVersion): ObjectVersion {
  return { name, versionId: version.versionId, bytes: version.content.bytes, storedAt: version.storedAt };
}

export function bytesContent(body: Uint8Array | readonly Uint8Array[]): SparseContent {
  // A copy: the caller may change its buffer as soon as the promise has settled.
  const bytes = body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(Buffer.concat(body));
  return { bytes: bytes.length, read: (offset, length) => bytes.slice(offset, offset + length) };
}

/** S3 keeps no parts of seconds. */
export function wholeSeconds(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
