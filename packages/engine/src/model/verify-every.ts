import { pricesOfClass } from './prices.ts';

export const defaultVerifyEveryDays = 30;
/** Share of an object's price that verifying it may add, where reading it costs more than the request. */
const verificationShare = 0.2;
/** Objects are read in runs of 16 MiB. */
const getsPerGibibyte = 64;

/**
 * Days after which an object of a class is read again to be verified. Where reading costs no more than requests, they
 * are those asked for; elsewhere so many that verifying adds a fifth to what keeping the object costs.
 * @param everyDays - days where reading is as good as free.
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
