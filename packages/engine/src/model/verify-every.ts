import { pricesOfClass } from './prices.ts';

/** How often packs are read, in days. */
export const defaultVerifyEveryDays = 30;
/** Share of what an object costs to keep that verifying it may add, where reading it costs more than the request. */
const verificationShare = 0.2;
/** Objects are read in runs of 16 MiB. */
const getsPerGibibyte = 64;

/**
 * How often an object of a class is read to be verified: once in so many days. Where reading costs no more than requests,
 * as often as it is asked for; elsewhere so seldom that it adds a fifth to what keeping the object costs.
 * @param everyDays - how often where reading is as good as free.
 */
export function verifyEveryDays(
  storageClass: string | undefined,
  everyDays: number = defaultVerifyEveryDays,
): number {
  const { gibibyteMonth, retrievalGibibyte, get } = pricesOfClass(storageClass);
  if (retrievalGibibyte === 0) return everyDays;
  const reading = retrievalGibibyte + getsPerGibibyte * get;
  const mayCostYearly = 12 * gibibyteMonth * verificationShare;
  return Math.max(everyDays, Math.ceil((365 * reading) / mayCostYearly));
}
