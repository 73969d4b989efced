import type { HoldId, PackId, RunId } from '../../ids.ts';

/**
 * A stored object of chunks or pages, and its lease.
 * `lockUntil` is an intent, raised first and read by the sweeper; `lockedUntil` is what the store has confirmed.
 */
export interface PackRow {
  readonly packId: PackId;
  readonly kind: 'chunks' | 'pages' | 'container';
  readonly retentionClass: string;
  readonly state: 'writing' | 'live' | 'deleting';
  readonly runId: RunId;
  readonly lockUntil: Date;
  readonly lockedUntil?: Date;
  readonly versionId?: string;
  readonly bytes?: number;
  /** Set by verify: writers take a damaged pack for absent. */
  readonly damaged?: boolean;
  /** Legal holds of the points whose container this is (rule 9); while there is one it is not swept. Sorted. */
  readonly holds?: readonly HoldId[];
}

/** A writer's word on a pack before its bytes are written. */
export type PackClaim = Pick<PackRow, 'packId' | 'kind' | 'retentionClass' | 'runId' | 'lockUntil'>;

/** The store's word on a pack that was written. */
export interface ConfirmedPack {
  readonly versionId: string;
  readonly bytes: number;
  readonly lockedUntil: Date;
}

/** Parts that the list of overdue packs is divided into, so that sweepers can share the work. */
export const sweepPartitions = 16;
/** A time later than any lease: the list of packs that are overdue by then has all packs. */
export const endOfTime = new Date('9999-12-31T00:00:00Z');

export interface Packs {
  /** Claims a new pack before its bytes are written (state `writing`). @throws {@link CatalogConflictError} the id is taken. */
  claim(claim: PackClaim): Promise<void>;
  /**
   * `writing` → `live`, with what the store confirmed. Repeatable.
   * @returns `lost` when the row is gone or `deleting`: the bytes must be stored again under a new name.
   */
  confirm(packId: PackId, stored: ConfirmedPack): Promise<'live' | 'lost'>;
  /** Raises the intent of a live pack. @returns `not-live` when it is absent, `writing`, `deleting` or damaged. */
  raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'>;
  /** Records a lock that the store confirmed; never lowers it. @returns `not-live` as above. */
  confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'>;
  /** Finds rows of those packs that exist, at most 1,000 ids a call. */
  findAll(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>>;
  /**
   * Lists packs whose intent (`lockUntil`) ended before a time, whatever their state, the longest overdue first
   * within a partition. `partition` limits the list to one of {@link sweepPartitions} parts, by pack id.
   */
  listDue(before: Date, partition?: number): AsyncIterable<PackRow>;
  /**
   * `live` or `writing` → `deleting` (rule 6), if the intent still ends before `dueBefore` and the hold set is empty.
   * There is no way back. Repeatable: a row that is `deleting` already is returned again.
   */
  startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'>;
  /** Removes a row that is `deleting`; any other stays. Repeatable. */
  remove(packId: PackId): Promise<void>;
  /**
   * Moves a `deleting` row, whose version the store still refuses to delete, to where the sweeper finds it again
   * after `lockUntil`. Never changes the state.
   */
  postponeDeleting(packId: PackId, lockUntil: Date): Promise<void>;
  /** Marks a pack as damaged (rule 12): writers take it for absent from now on. Repeatable; a row that is gone is no error. */
  markDamaged(packId: PackId): Promise<void>;
  /** Lists packs that are marked as damaged, in no order. */
  listDamaged(): AsyncIterable<PackRow>;
  /** Adds a hold to a live pack's set (rule 9: before the store's flag goes on). Repeatable. */
  addHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'>;
  /** Takes a hold out of a pack's set. Repeatable. */
  removeHold(packId: PackId, holdId: HoldId): Promise<void>;
  /**
   * Writes a row for an object that was found in the store (rule 10). Where there is a row already, only later dates,
   * and hold ids that it lacks, are taken over; its state stays.
   */
  recover(row: PackRow): Promise<void>;
}
