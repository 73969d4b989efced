import type { PackRows } from '../catalog/rows.ts';
import type { PackId } from '../ids.ts';
import { type PackRow, sweepPartitions } from '../ports/catalog/packs.ts';
import { MemoryRows } from './memory-rows.ts';

export class MemoryPackRows extends MemoryRows<PackRow> implements PackRows {
  constructor() {
    super(({ packId }) => packId);
  }

  async findAll(packIds: readonly PackId[]): Promise<readonly PackRow[]> {
    await Promise.resolve();
    return packIds.flatMap((packId) => this.get(packId) ?? []);
  }

  async *listDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    await Promise.resolve();
    yield* this.all()
      .filter((row) => row.lockUntil < before)
      .filter(({ packId }) => partition === undefined || partitionOf(packId) === partition)
      .sort((a, b) => a.lockUntil.getTime() - b.lockUntil.getTime() || (a.packId < b.packId ? -1 : 1));
  }

  async *listDamaged(): AsyncIterable<PackRow> {
    await Promise.resolve();
    yield* this.all().filter(({ damaged }) => damaged === true);
  }
}

function partitionOf(packId: PackId): number {
  return Number.parseInt(packId.slice(-1), 16) % sweepPartitions;
}
