/** What a restore will read, write, cost and take. An estimate: prices are list prices of us-east-1. */
export interface RestoreQuote {
  readonly files: number;
  /** Content bytes to write. */
  readonly bytes: number;
  /** Bytes to read from the vault, before chunks that several files share are counted once. */
  readonly storedBytes: number;
  /** Requests to the vault and to the target. */
  readonly requests: number;
  readonly dollars: number;
  readonly seconds: number;
}

/** @see https://aws.amazon.com/s3/pricing/ Standard, us-east-1; Lambda arm64 with 3,008 MB. */
const prices = {
  perGet: 0.0004 / 1000,
  perPut: 0.005 / 1000,
  perWorkerSecond: (3008 / 1024) * 0.0000133334,
} as const;
/** What one worker does: limited by its network, and for small files by requests under way at once. */
const worker = {
  bytesPerSecond: 40e6,
  filesPerSecond: 150,
  runBytes: 16 * 2 ** 20,
  startSeconds: 5,
} as const;

/** Estimates a restore by a number of workers. */
export function quoteRestore(work: {
  readonly files: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly workers: number;
}): RestoreQuote {
  const { files, bytes, storedBytes, workers } = work;
  const gets = Math.ceil(storedBytes / worker.runBytes) + Math.ceil(files / 1_000);
  const busySeconds = Math.max((bytes + storedBytes) / worker.bytesPerSecond, files / worker.filesPerSecond);
  return {
    files,
    bytes,
    storedBytes,
    requests: gets + files,
    dollars: gets * prices.perGet + files * prices.perPut + busySeconds * prices.perWorkerSecond,
    seconds: Math.ceil(worker.startSeconds + busySeconds / Math.max(1, workers)),
  };
}
