import { ebsBlockBytes } from '../model/ebs-blocks.ts';
import { prices, pricesOfClass, storageClassPrices, workerSecondDollars } from '../model/prices.ts';
import { workRates } from '../model/worker.ts';

/** Estimated work, cost and time of a restore, in the list prices of `model/prices.ts`. */
export interface RestoreQuote {
  readonly files: number;
  readonly bytes: number;
  /** Bytes to read from the vault or from snapshots, before chunks that several files share are counted once. */
  readonly storedBytes: number;
  /** Requests to the vault or to EBS, and to the target. */
  readonly requests: number;
  readonly dollars: number;
  readonly seconds: number;
}

export interface RestoreWork {
  readonly files: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly workers: number;
  /** Size of the largest file, which one worker writes from its beginning to its end. @default not known */
  readonly largestFileBytes?: number | undefined;
  /** The class that is read from, as the store names it. @default the store's standard class */
  readonly storageClass?: string | undefined;
  /** The blocks of snapshots are read in EBS, one a request. @default false */
  readonly isInSnapshots?: boolean | undefined;
  /** The caller's own process reads and writes files: neither functions nor PUTs are paid then. @default false */
  readonly isLocal?: boolean | undefined;
}

/** A worker that restores is limited by its network, as one that protects is. */
const worker = {
  bytesPerSecond: workRates.protectedBytesPerSecond,
  filesPerSecond: workRates.filesPerSecond,
  runBytes: 16 * 2 ** 20,
  startSeconds: 5,
} as const;

export function quoteRestore(work: RestoreWork): RestoreQuote {
  const { files, bytes, storedBytes, workers, largestFileBytes = 0, isInSnapshots, isLocal = false } = work;
  const readBytes = isInSnapshots === true ? ebsBlockBytes : worker.runBytes;
  const gets = Math.ceil(storedBytes / readBytes) + Math.ceil(files / 1_000);
  const puts = isLocal ? 0 : files;
  const busySeconds = Math.max((bytes + storedBytes) / worker.bytesPerSecond, files / worker.filesPerSecond);
  // It is read and written.
  const longestSeconds = (2 * largestFileBytes) / worker.bytesPerSecond;
  const reading =
    isInSnapshots === true
      ? { get: prices.ebsDirect.get, retrievalGibibyte: 0 }
      : pricesOfClass(work.storageClass);
  return {
    files,
    bytes,
    storedBytes,
    requests: gets + puts,
    dollars:
      gets * reading.get +
      (storedBytes / 2 ** 30) * reading.retrievalGibibyte +
      puts * storageClassPrices.STANDARD.put +
      (isLocal ? 0 : busySeconds * workerSecondDollars + workers * (prices.lambda.call + prices.kms.request)),
    seconds: Math.ceil(worker.startSeconds + Math.max(busySeconds / Math.max(1, workers), longestSeconds)),
  };
}
