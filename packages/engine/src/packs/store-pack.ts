import { newId } from '../bytes.ts';
import { isOfKind, StoreUnavailableError } from '../errors.ts';
import type { PackId, RunId } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLock, ObjectStore, PutOptions } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { indexedChunks } from './indexed-chunks.ts';
import { objectNameOf } from './object-names.ts';
import type { ListedFrame } from './pack-directory.ts';
import type { PackKind } from './pack-layout.ts';
import { defaultRetryPolicy, retryUnavailable, waitBeforeAttempt, type RetryPolicy } from './retry.ts';

/** The owner, lock and class of stored packs. One for a whole run. */
export interface PackLease {
  readonly runId: RunId;
  readonly leaseUntil: Date;
  /** Lock date of a pack. @default the run's lease date */
  readonly lockDateOf?: (pack: { readonly packId: PackId; readonly kind: PackKind }) => Date;
  /** Absent only for stores without Object Lock. */
  readonly lockMode?: ObjectLock['mode'];
  readonly retentionClass: string;
  /** The store's name of a storage class. @default the store's standard class */
  readonly storageClass?: string;
}

export interface PackStoring {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly store: ObjectStore;
  /** Absent for packs of pages. */
  readonly chunkIndex?: ChunkIndex;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly lease: PackLease;
  /** @default six attempts */
  readonly retry?: RetryPolicy;
  readonly signal?: AbortSignal;
}

/** A pack that is stored, live in the catalog, and locked until the lease date. */
export interface StoredPack {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly retentionClass: string;
  readonly name: string;
  readonly versionId: string;
  readonly bytes: number;
  readonly lockedUntil: Date;
}

export interface SealedPack {
  readonly kind: PackKind;
  readonly pack: { readonly packId: PackId };
  readonly body: Uint8Array;
  readonly frames: readonly ListedFrame[];
  rename(packId: PackId): void;
}

/**
 * Stores a sealed pack: `writing` row → object → `live` row → index items, in that order, so that a crash between
 * any two steps leaves only what the sweeper finds (rule 1 of docs/leases.md).
 *
 * An upload whose outcome is not known is never repeated under its name: the pack is renamed and starts again, and
 * the row of the abandoned attempt stays in `writing` for the sweeper. Index items that could not be written cost a
 * duplicate some day, and are given up after the same number of attempts.
 * @throws {@link StoreUnavailableError} every attempt failed. The pack may be tried again later.
 */
export async function storePack(sealed: SealedPack, storing: PackStoring): Promise<StoredPack> {
  const { catalog, store, lease, random, signal } = storing;
  const retry = storing.retry ?? defaultRetryPolicy;
  const { kind, pack } = sealed;
  const { retentionClass, runId } = lease;
  for (let attempt = 1; ; attempt++) {
    await waitBeforeAttempt(attempt, storing, retry, signal);
    if (attempt > 1) sealed.rename(newId<PackId>(random));
    const { packId } = pack;
    const name = objectNameOf({ kind, retentionClass, packId });
    const lockUntil = lease.lockDateOf?.({ packId, kind }) ?? lease.leaseUntil;
    const claim = { packId, kind, retentionClass, runId, lockUntil } as const;
    try {
      await catalog.packs.claim(claim);
      const { versionId, bytes } = await store.put(name, sealed.body, putOptions(lease, signal, lockUntil));
      const confirmed = await retryUnavailable(
        async () => catalog.packs.confirm(packId, { versionId, bytes, lockedUntil: lockUntil }),
        storing,
        retry,
        signal,
      );
      if (confirmed === 'live') {
        await putIndexItems(sealed, storing, retry);
        return { packId, kind, retentionClass, name, versionId, bytes, lockedUntil: lockUntil };
      }
      // Swept, or lost with the table. The bytes go under a new name; with a row once more, the sweeper finds what may
      // lie under this one.
      await catalog.packs.claim(claim);
      if (attempt >= retry.attempts)
        throw new StoreUnavailableError(`pack ${packId} was swept while it was written`);
    } catch (error) {
      const another = isOfKind(error, 'unavailable', 'taken', 'conflict');
      if (!another || attempt >= retry.attempts) throw error;
    }
  }
}

/** Options of every write under a lease: the lock in whole seconds, never earlier than the lease. */
export function putOptions(
  lease: PackLease,
  signal?: AbortSignal,
  lockUntil: Date = lease.leaseUntil,
): PutOptions {
  return {
    lock: lease.lockMode && {
      mode: lease.lockMode,
      until: new Date(Math.ceil(lockUntil.getTime() / 1000) * 1000),
    },
    storageClass: lease.storageClass,
    signal,
  };
}

async function putIndexItems(sealed: SealedPack, storing: PackStoring, retry: RetryPolicy): Promise<void> {
  const { chunkIndex, signal } = storing;
  if (chunkIndex === undefined) return;
  const items = [...indexedChunks(sealed.pack.packId, sealed.frames)];
  try {
    await retryUnavailable(async () => chunkIndex.put(items, signal), storing, retry, signal);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
  }
}
