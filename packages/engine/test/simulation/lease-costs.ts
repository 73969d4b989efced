import { prices, storageClassPrices } from '../../src/model/prices.ts';
import type { CallCounts } from './call-counts.ts';

const { writeUnit, readUnit } = prices.dynamo;
/** One PutObjectRetention, which is billed as a PUT. */
const putObjectRetention = storageClassPrices.STANDARD.put;

/** The intent: the row, and its entry in the index of overdue packs taken out and put in again. Write units. */
const intentWriteUnits = 3;
/** The confirmation: the row, and its copy in that index. Write units. */
const confirmationWriteUnits = 2;

const packsPerTiB = 2 ** 40 / (32 * 2 ** 20);
const daysPerMonth = 365.25 / 12;

/** What leases cost, for a vault whose packs have 32 MiB. */
export interface LeaseCosts {
  /** PutObjectRetention requests for packs of chunks, for one such pack and a generation of 30 days. */
  readonly requestsPerPackAndGeneration: number;
  /** USD for one TiB in the vault and a month. */
  readonly perTiBMonth: number;
}

/**
 * Scales what a simulated vault asked for to packs of 32 MiB: every request for a pack and its row is counted, as if
 * each simulated pack were one of those. Keys are left out: there are three objects of them, whatever the vault holds.
 * @param meanPacks - packs of chunks that lay in the vault, over all days.
 */
export function leaseCosts(calls: CallCounts, meanPacks: number, days: number): LeaseCosts {
  const retentions = calls.of('store.extendLock packs') + calls.of('store.extendLock pages');
  const cost =
    retentions * putObjectRetention +
    calls.of('catalog.packs.raiseLockUntil') * intentWriteUnits * writeUnit +
    calls.of('catalog.packs.confirmLockedUntil') * confirmationWriteUnits * writeUnit +
    calls.of('catalog.packs.findAll items') * readUnit;
  const packMonths = (meanPacks * days) / daysPerMonth;
  return {
    requestsPerPackAndGeneration: calls.of('store.extendLock packs') / ((meanPacks * days) / 30),
    perTiBMonth: (cost / packMonths) * packsPerTiB,
  };
}
