import { safety } from '../model/safety.ts';
import { ObjectLockedError, ObjectNotFoundError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import { objectNameOf } from '../packs/object-names.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import { ifThere } from '../if-there.ts';
import type { ListChunkIds } from './pack-chunk-ids.ts';
import { workThrough, type StepFailures, type StepOptions } from './work-through.ts';
import { hourMs } from '../model/time.ts';

const sweptAtOnce = 8;
const idsPerCall = 1_000;

export interface SweepServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly index: ChunkIndex;
  readonly listChunkIds: ListChunkIds;
}

/** `kept`: somebody leased or holds it. `locked`: the store refuses, another sweep will try. */
export type SweepOutcome =
  | { readonly state: 'swept'; readonly bytes: number }
  | { readonly state: 'kept' }
  | { readonly state: 'locked'; readonly until: Date };

/**
 * Sweeps one pack whose lease has ended (rule 6 of docs/leases.md): `deleting` → its items in the chunk index → its
 * version → its row. The index before the version, so that a crash leaves nothing behind; writers keep off from
 * `deleting` on. The store has the last word: what it still locks is put off to the date that it names.
 * Any number of sweepers may have the same pack, and any call may be the last one before a crash: call it again.
 * @param dueBefore - the pack is swept only if its intent ends before this: the store's time less a grace.
 */
export async function sweepPack(
  services: SweepServices,
  packId: PackId,
  dueBefore: Date,
  signal?: AbortSignal,
): Promise<SweepOutcome> {
  const { store, catalog } = services;
  const row = await catalog.packs.startDeleting(packId, dueBefore);
  if (row === 'kept') return { state: 'kept' };
  const name = objectNameOf(row);
  // A writer that died before it could say what it stored: whatever has the name is its.
  const versions =
    row.versionId === undefined
      ? await versionsOf(store, name, signal)
      : [{ versionId: row.versionId, bytes: row.bytes ?? 0 }];
  if (row.kind === 'chunks' && row.versionId !== undefined) await forgetChunks(services, row, signal);
  let bytes = 0;
  for (const version of versions) {
    const until = await removeOrFindLock(store, row, name, version.versionId, signal);
    if (until !== undefined) {
      await catalog.packs.postponeDeleting(packId, until);
      return { state: 'locked', until };
    }
    bytes += version.bytes;
  }
  await catalog.packs.remove(packId);
  return { state: 'swept', bytes };
}

export interface SweepReport {
  readonly swept: number;
  readonly bytes: number;
  readonly kept: number;
  readonly locked: number;
  readonly failures: StepFailures;
}

export interface SweepOptions extends StepOptions {
  /** One of {@link sweepPartitions} parts. @default all */
  readonly partition?: number;
}

/**
 * Sweeps the packs of one partition whose leases have ended, the longest overdue first, until none is left or the time
 * is up. What is done is done: the next call goes on with the rest. Safe to run any number of times at once.
 */
export async function sweepPacks(
  services: SweepServices,
  { partition, ...options }: SweepOptions = {},
): Promise<SweepReport & { readonly done: boolean }> {
  const dueBefore = new Date((await services.store.now()).getTime() - safety.sweepGraceHours * hourMs);
  const counts = { swept: 0, bytes: 0, kept: 0, locked: 0 };
  const worked = await workThrough(
    {
      items: services.catalog.packs.listDue(dueBefore, partition),
      atOnce: sweptAtOnce,
      nameOf: ({ packId }) => `pack ${packId}`,
      work: async ({ packId }) => {
        const outcome = await sweepPack(services, packId, dueBefore, options.signal);
        counts[outcome.state] += 1;
        if (outcome.state === 'swept') counts.bytes += outcome.bytes;
      },
    },
    options,
  );
  return { ...counts, ...worked };
}

async function versionsOf(store: ObjectStore, name: string, signal?: AbortSignal): Promise<ObjectVersion[]> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.listVersions(name, { signal }))
    if (version.name === name) versions.push(version);
  return versions;
}

async function forgetChunks(services: SweepServices, row: PackRow, signal?: AbortSignal): Promise<void> {
  const ids = await services.listChunkIds(row, signal);
  for (let start = 0; start < ids.length; start += idsPerCall)
    await services.index.remove(ids.slice(start, start + idsPerCall), row.packId, signal);
}

/** @returns the date of the next try, where the store refuses; `undefined` once the version is gone. */
async function removeOrFindLock(
  store: ObjectStore,
  { kind }: PackRow,
  name: string,
  versionId: string,
  signal?: AbortSignal,
): Promise<Date | undefined> {
  try {
    // Rule 9: nobody else switches it off, and the hold set is empty, or the row would not be `deleting`.
    if (kind === 'container') await store.setLegalHold(name, versionId, false, signal);
    await store.removeVersion(name, versionId, signal);
    return undefined;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    if (!(error instanceof ObjectLockedError)) throw error;
    return findLock(store, name, versionId, signal);
  }
}

async function findLock(
  store: ObjectStore,
  name: string,
  versionId: string,
  signal?: AbortSignal,
): Promise<Date | undefined> {
  const now = await store.now();
  const state = await ifThere(store.head(name, { versionId, signal }));
  if (state === undefined) return undefined;
  const again = new Date(now.getTime() + safety.sweepAgainHours * hourMs);
  return state.lock !== undefined && state.lock.until > now ? state.lock.until : again;
}
