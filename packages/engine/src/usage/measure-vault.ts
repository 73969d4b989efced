import { endOfTime, type Packs, sweepPartitions } from '../ports/catalog/packs.ts';
import { priceStored } from '../quote/price-retention.ts';

/** Rows after which no further partition is read: packs have random ids, so those of some partitions stand for all. */
const enoughRows = 200_000;

/** Everything that the catalog has in the vault, whoever needs it. */
export interface VaultUsage {
  readonly packs: number;
  readonly bytes: number;
  /** A month, at the price of the class in which all but archives lie. */
  readonly dollars: number;
}

/** Measures what is stored, from the catalog's rows alone. At least a sixteenth of them is read. */
export async function measureVault(packs: Pick<Packs, 'listDue'>, enough = enoughRows): Promise<VaultUsage> {
  let rows = 0;
  let bytes = 0;
  let partition = 0;
  for (; partition < sweepPartitions && (partition === 0 || rows < enough); partition += 1) {
    for await (const pack of packs.listDue(endOfTime, partition)) {
      rows += 1;
      bytes += pack.bytes ?? 0;
    }
  }
  const times = sweepPartitions / partition;
  return { packs: rows * times, bytes: bytes * times, dollars: priceStored(bytes * times) };
}
