/** What every layer may know, `lib` included: words, numbers and contracts. Pure. */

export { findBucketAddress } from './bucket-address.ts';
export { longestExecutionHours, unreportedError } from './executions.ts';
export { pricesOfClass, prices, pricesAsOf, storageClassPrices, type StorageClassPrices } from './prices.ts';
export { verifyEveryDays } from './verify-every.ts';
export { workerMegabytes } from './worker.ts';
