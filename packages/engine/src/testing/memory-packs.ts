import { CatalogConflictError, InvalidInputError } from '../errors.ts';
import type { HoldId, PackId } from '../ids.ts';
import {
  sweepPartitions,
  type ConfirmedPack,
  type PackClaim,
  type PackRow,
  type Packs,
} from '../ports/catalog/packs.ts';
import { addHoldTo, recoverPackRow, removeHoldFrom } from '../ports/catalog-rows.ts';

/** The rows of packs of a catalog in memory. Every method decides in one step, after it gave others their turn. */
export class MemoryPacks implements Packs {
  readonly #rows = new Map<PackId, PackRow>();

  async claim(row: PackClaim): Promise<void> {
    await Promise.resolve();
    const known = this.#rows.get(row.packId);
    if (known !== undefined) {
      // A repeated claim of the same run: its first answer was lost.
      if (known.runId === row.runId && known.state === 'writing') return;
      throw new CatalogConflictError(
        `pack id ${row.packId} is taken by run ${known.runId}; store under a new id`,
      );
    }
    const { packId, kind, retentionClass, runId, lockUntil } = row;
    this.#rows.set(packId, { packId, kind, retentionClass, runId, lockUntil, state: 'writing' });
  }

  async confirm(packId: PackId, stored: ConfirmedPack): Promise<'live' | 'lost'> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row === undefined || row.state === 'deleting') return 'lost';
    if (row.state === 'writing') this.#rows.set(packId, { ...row, ...stored, state: 'live' });
    return 'live';
  }

  async raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    await Promise.resolve();
    const row = this.#findLive(packId);
    if (row === undefined) return 'not-live';
    if (lockUntil > row.lockUntil) this.#rows.set(packId, { ...row, lockUntil });
    return 'raised';
  }

  async confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    await Promise.resolve();
    const row = this.#findLive(packId);
    if (row === undefined) return 'not-live';
    if (row.lockedUntil === undefined || lockedUntil > row.lockedUntil) {
      this.#rows.set(packId, { ...row, lockedUntil });
    }
    return 'confirmed';
  }

  async findAll(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    if (packIds.length > 1000)
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most 1,000`);
    await Promise.resolve();
    const found = new Map<PackId, PackRow>();
    for (const packId of packIds) {
      const row = this.#rows.get(packId);
      if (row !== undefined) found.set(packId, row);
    }
    return found;
  }

  async *listDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    await Promise.resolve();
    yield* [...this.#rows.values()]
      .filter((row) => row.lockUntil < before)
      .filter(({ packId }) => partition === undefined || partitionOf(packId) === partition)
      .sort((a, b) => a.lockUntil.getTime() - b.lockUntil.getTime() || (a.packId < b.packId ? -1 : 1));
  }

  async startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row === undefined) return 'kept';
    if (row.state === 'deleting') return row;
    if (row.lockUntil >= dueBefore || row.holds !== undefined) return 'kept';
    const deleting: PackRow = { ...row, state: 'deleting' };
    this.#rows.set(packId, deleting);
    return deleting;
  }

  async remove(packId: PackId): Promise<void> {
    await Promise.resolve();
    if (this.#rows.get(packId)?.state === 'deleting') this.#rows.delete(packId);
  }

  async postponeDeleting(packId: PackId, lockUntil: Date): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row?.state === 'deleting') this.#rows.set(packId, { ...row, lockUntil });
  }

  async markDamaged(packId: PackId): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row !== undefined) this.#rows.set(packId, { ...row, damaged: true });
  }

  async *listDamaged(): AsyncIterable<PackRow> {
    await Promise.resolve();
    for (const row of this.#rows.values()) if (row.damaged === true) yield row;
  }

  async addHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row?.state !== 'live') return 'not-live';
    this.#rows.set(packId, addHoldTo(row, holdId));
    return 'held';
  }

  async removeHold(packId: PackId, holdId: HoldId): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(packId);
    if (row !== undefined) this.#rows.set(packId, removeHoldFrom(row, holdId));
  }

  async recover(row: PackRow): Promise<void> {
    await Promise.resolve();
    const known = this.#rows.get(row.packId);
    this.#rows.set(row.packId, known === undefined ? row : recoverPackRow(known, row));
  }

  all(): readonly PackRow[] {
    return [...this.#rows.values()];
  }

  fork(): MemoryPacks {
    const copy = new MemoryPacks();
    for (const [packId, row] of this.#rows) copy.#rows.set(packId, row);
    return copy;
  }

  plant(row: PackRow): void {
    this.#rows.set(row.packId, row);
  }

  lose(packId: PackId): void {
    this.#rows.delete(packId);
  }

  #findLive(packId: PackId): PackRow | undefined {
    const row = this.#rows.get(packId);
    return row?.state === 'live' && row.damaged !== true ? row : undefined;
  }
}

function partitionOf(packId: PackId): number {
  return Number.parseInt(packId.slice(-1), 16) % sweepPartitions;
}
