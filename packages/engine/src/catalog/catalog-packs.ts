import { CatalogConflictError, InvalidInputError } from '../errors.ts';
import type { HoldId, PackId } from '../ids.ts';
import type { ConfirmedPack, PackClaim, PackRow, Packs } from '../ports/catalog/packs.ts';
import * as transitions from './pack-transitions.ts';
import { decisionsMost, rowsChanged } from './decisions.ts';
import type { PackRows } from './rows.ts';

const packIdsMost = 1000;

/** Packs by the rules of pack-transitions.ts, whatever keeps their rows. */
export class CatalogPacks implements Packs {
  readonly #rows: PackRows;

  constructor(rows: PackRows) {
    this.#rows = rows;
  }

  async claim({ packId, kind, retentionClass, runId, lockUntil }: PackClaim): Promise<void> {
    const row: PackRow = { packId, kind, retentionClass, runId, lockUntil, state: 'writing' };
    if ((await this.#rows.insert(row.packId, row)) === 'inserted') return;
    const owner = await this.#rows.find(packId);
    // A repeated claim of the same run: its first answer was lost.
    if (owner?.runId === runId && owner.state === 'writing') return;
    throw new CatalogConflictError(
      `pack id ${packId} is taken by run ${owner?.runId ?? 'unknown'}; store under a new id`,
    );
  }

  async confirm(packId: PackId, stored: ConfirmedPack): Promise<'live' | 'lost'> {
    return this.#rows.change(packId, transitions.confirmPack(stored));
  }

  async raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    return this.#rows.change(packId, transitions.raiseLockUntil(lockUntil));
  }

  async confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    return this.#rows.change(packId, transitions.confirmLockedUntil(lockedUntil));
  }

  async findAll(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    if (packIds.length > packIdsMost) {
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most ${packIdsMost}`);
    }
    const rows = await this.#rows.findAll([...new Set(packIds)]);
    return new Map(rows.map((row) => [row.packId, row]));
  }

  listDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    return this.#rows.listDue(before, partition);
  }

  async startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'> {
    return this.#rows.change(packId, transitions.startDeleting(dueBefore));
  }

  async remove(packId: PackId): Promise<void> {
    await this.#rows.remove(packId, transitions.removable);
  }

  async postponeDeleting(packId: PackId, lockUntil: Date): Promise<void> {
    await this.#rows.change(packId, transitions.postponeDeleting(lockUntil));
  }

  async markDamaged(packId: PackId): Promise<void> {
    await this.#rows.change(packId, transitions.markDamaged());
  }

  listDamaged(): AsyncIterable<PackRow> {
    return this.#rows.listDamaged();
  }

  async addHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'> {
    return this.#rows.change(packId, transitions.holdPack(holdId));
  }

  async removeHold(packId: PackId, holdId: HoldId): Promise<void> {
    await this.#rows.change(packId, transitions.releasePack(holdId));
  }

  async recover(row: PackRow): Promise<void> {
    for (let decision = 0; decision < decisionsMost; decision++) {
      if ((await this.#rows.insert(row.packId, row)) === 'inserted') return;
      if (await this.#rows.change(row.packId, transitions.recoverPack(row))) return;
    }
    throw rowsChanged(`pack ${row.packId}`);
  }
}
