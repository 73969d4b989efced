import {
  CatalogConflictError,
  type ConfirmedPack,
  type HoldId,
  InvalidInputError,
  type PackClaim,
  type PackId,
  type PackRow,
  type Packs,
} from '@holdfast/engine';
import { indexKeys, packCodec, rowKeys, spread, timeKeyRange } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

const idsPerCall = 1000;
const isLive = '#state = :live AND attribute_not_exists(#damaged)';

/** The catalog's packs and their leases. Every change is one conditional write; a refusal is explained by a read. */
export class DynamoPacks implements Packs {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async claim(claim: PackClaim): Promise<void> {
    const { packId, kind, retentionClass, runId, lockUntil } = claim;
    const row: PackRow = { packId, kind, retentionClass, runId, lockUntil, state: 'writing' };
    const verdict = await this.#table.put(
      { ...rowKeys.pack(packId), ...indexKeys.pack(row), ...packCodec.encode(row) },
      { when: 'attribute_not_exists(#PK)' },
    );
    if (verdict === 'done') return;
    const owner = await this.#find(packId);
    // A repeated claim of the same run: its first answer was lost.
    if (owner?.runId === runId && owner.state === 'writing') return;
    throw new CatalogConflictError(
      `pack id ${packId} is taken by run ${owner?.runId ?? 'unknown'}; store under a new id`,
    );
  }

  async confirm(packId: PackId, stored: ConfirmedPack): Promise<'live' | 'lost'> {
    const { versionId, bytes, lockedUntil } = stored;
    const verdict = await this.#table.update({
      key: rowKeys.pack(packId),
      set: packCodec.encode({ versionId, bytes, lockedUntil, state: 'live' }),
      when: '#state = :writing',
      values: { writing: 'writing' },
    });
    if (verdict === 'done') return 'live';
    return (await this.#find(packId))?.state === 'live' ? 'live' : 'lost';
  }

  async raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    const verdict = await this.#table.update({
      key: rowKeys.pack(packId),
      set: { ...packCodec.encode({ lockUntil }), ...indexKeys.pack({ packId, lockUntil }) },
      when: `${isLive} AND #lockUntil < :set_lockUntil`,
      values: { live: 'live' },
    });
    return verdict === 'done' || (await this.#isLive(packId)) ? 'raised' : 'not-live';
  }

  async confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    const verdict = await this.#table.update({
      key: rowKeys.pack(packId),
      set: packCodec.encode({ lockedUntil }),
      when: `${isLive} AND (attribute_not_exists(#lockedUntil) OR #lockedUntil < :set_lockedUntil)`,
      values: { live: 'live' },
    });
    return verdict === 'done' || (await this.#isLive(packId)) ? 'confirmed' : 'not-live';
  }

  async findAll(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    if (packIds.length > idsPerCall) {
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most ${idsPerCall}`);
    }
    const items = await this.#table.findAll([...new Set(packIds)].map((packId) => rowKeys.pack(packId)));
    return new Map(items.map((item) => packCodec.decode(item)).map((row) => [row.packId, row]));
  }

  async *listDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    for (const digit of partition === undefined ? spread : spread.slice(partition, partition + 1)) {
      const { from } = timeKeyRange(undefined);
      // A key is its time and more, so one of exactly that time lies behind the bound.
      const to = before.toISOString();
      const items = this.#table.query({ index: 'GSI2', partition: `SWEEP#${digit}`, from, to });
      for await (const item of items) yield packCodec.decode(item);
    }
  }

  async startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'> {
    const verdict = await this.#table.update({
      key: rowKeys.pack(packId),
      set: { state: 'deleting' },
      when: '#state IN (:live, :writing) AND #lockUntil < :dueBefore AND attribute_not_exists(#holds)',
      values: { live: 'live', writing: 'writing', dueBefore: dueBefore.toISOString() },
    });
    const row = await this.#find(packId);
    // Refused, but decided before: the answer of that time was lost, or another sweeper is at it.
    return row !== undefined && (verdict === 'done' || row.state === 'deleting') ? row : 'kept';
  }

  async remove(packId: PackId): Promise<void> {
    await this.#table.remove(rowKeys.pack(packId), {
      when: '#state = :deleting',
      values: { deleting: 'deleting' },
    });
  }

  async postponeDeleting(packId: PackId, lockUntil: Date): Promise<void> {
    await this.#table.update({
      key: rowKeys.pack(packId),
      set: { ...packCodec.encode({ lockUntil }), ...indexKeys.pack({ packId, lockUntil }) },
      when: '#state = :deleting',
      values: { deleting: 'deleting' },
    });
  }

  async markDamaged(packId: PackId): Promise<void> {
    await this.#table.update({
      key: rowKeys.pack(packId),
      set: { damaged: true, ...indexKeys.damagedPack(packId) },
      when: 'attribute_exists(#PK)',
    });
  }

  async *listDamaged(): AsyncIterable<PackRow> {
    // Pack ids are hexadecimal digits.
    const items = this.#table.query({ index: 'GSI1', partition: 'DAMAGED', from: '0', to: 'g' });
    for await (const item of items) yield packCodec.decode(item);
  }

  async addHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'> {
    const verdict = await this.#table.update({
      key: rowKeys.pack(packId),
      add: { holds: new Set([holdId]) },
      when: '#state = :live',
      values: { live: 'live' },
    });
    return verdict === 'done' ? 'held' : 'not-live';
  }

  async removeHold(packId: PackId, holdId: HoldId): Promise<void> {
    await this.#table.update({
      key: rowKeys.pack(packId),
      take: { holds: new Set([holdId]) },
      // Without it, DynamoDB makes an item where there is none.
      when: 'contains(#holds, :hold)',
      values: { hold: holdId },
    });
  }

  async recover(row: PackRow): Promise<void> {
    const { packId, lockUntil, lockedUntil, holds = [] } = row;
    const key = rowKeys.pack(packId);
    const verdict = await this.#table.put(
      {
        ...key,
        ...indexKeys.pack(row),
        ...(row.damaged === true ? indexKeys.damagedPack(packId) : {}),
        ...packCodec.encode(row),
      },
      { when: 'attribute_not_exists(#PK)' },
    );
    if (verdict === 'done') return;
    await this.#table.update({
      key,
      set: { ...packCodec.encode({ lockUntil }), ...indexKeys.pack(row) },
      when: '#lockUntil < :set_lockUntil',
    });
    if (lockedUntil !== undefined) {
      await this.#table.update({
        key,
        set: packCodec.encode({ lockedUntil }),
        when: 'attribute_exists(#PK) AND (attribute_not_exists(#lockedUntil) OR #lockedUntil < :set_lockedUntil)',
      });
    }
    if (holds.length > 0) {
      await this.#table.update({ key, add: { holds: new Set(holds) }, when: 'attribute_exists(#PK)' });
    }
  }

  async #find(packId: PackId): Promise<PackRow | undefined> {
    const item = await this.#table.find(rowKeys.pack(packId));
    return item && packCodec.decode(item);
  }

  /** Whether a refused lease was refused only because the row has a later one. */
  async #isLive(packId: PackId): Promise<boolean> {
    const row = await this.#find(packId);
    return row?.state === 'live' && row.damaged !== true;
  }
}
