import { endOfTime, type Packs, sweepPartitions } from '../ports/catalog/packs.ts';
import { priceStored } from '../quote/price-retention.ts';
import type { UsageAmounts } from './sum-packs.ts';

/** Rows after which no further partition is read: packs have random ids, so those of some partitions stand for all. */
const enoughRows = 200_000;

/** Everything that the catalog has in the vault, whoever needs it. */
export interface VaultUsage {
  readonly packs: number;
  readonly bytes: number;
  /** Bytes that no resource needs any more: they go when their leases have ended. */
  readonly unneededBytes: number;
  /** A month: of what is needed as it was priced there, and of the rest in the class in which all but archives lie. */
  readonly dollars: number;
}

/**
 * Measures what is stored, from the catalog's rows, which know no class of storage. At least a sixteenth of them is read.
 * @param needed - what is stored for each resource.
 */
export async function measureVault(
  packs: Pick<Packs, 'listDue'>,
  needed: readonly Pick<UsageAmounts, 'partBytes' | 'dollars'>[],
  enough = enoughRows,
): Promise<VaultUsage> {
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
  const unneededBytes = Math.max(
    0,
    needed.reduce((left, { partBytes }) => left - partBytes, bytes * times),
  );
  const dollars = needed.reduce((sum, one) => sum + one.dollars, priceStored(unneededBytes));
  return { packs: rows * times, bytes: bytes * times, unneededBytes, dollars };
}
