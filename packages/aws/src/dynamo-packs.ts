import {
  type Catalog,
  CatalogConflictError,
  InvalidInputError,
  type PackId,
  type PackRow,
} from '@holdfast/engine';
import { indexKeys, packCodec, rowKeys } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

const idsPerCall = 1000;
const isLive = '#state = :live AND attribute_not_exists(#damaged)';

/** The catalog's packs and their leases. Every change is one conditional write; a refusal is explained by a read. */
export class DynamoPacks {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async claim(claim: Parameters<Catalog['claimPack']>[0]): Promise<void> {
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

  async confirm(
    packId: PackId,
    stored: { readonly versionId: string; readonly bytes: number; readonly lockedUntil: Date },
  ): Promise<'live' | 'lost'> {
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

  async getAll(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    if (packIds.length > idsPerCall) {
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most ${idsPerCall}`);
    }
    const items = await this.#table.findAll([...new Set(packIds)].map((packId) => rowKeys.pack(packId)));
    return new Map(items.map((item) => packCodec.decode(item)).map((row) => [row.packId, row]));
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
