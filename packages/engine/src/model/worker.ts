/**
 * Memory of functions that move data: one processor, chosen by measuring protect-shard, which needs 350 MB. With less, dollars
 * for a TiB stay the same where a worker computes, and fall by two fifths at most where it waits for S3, while it takes
 * twice to four times as long; with more, they rise with the memory, as one thread does the work.
 * @see docs/scale.md, one worker
 */
export const workerMegabytes = 1769;

/** Figures of a worker's work that were measured or are rounded: quotes and the tables of the README go by them. */
export const workRates = {
  /** Compressing, encrypting and storing, by one worker, with reading the source. */
  protectedBytesPerSecond: 40e6,
  /** Small objects, whose requests one worker has under way at once. */
  filesPerSecond: 150,
  /** Reading, decrypting and hashing, by one worker: docs/operations.md, verify. */
  verifiedBytesPerSecond: 75e6,
  packBytes: 32 * 2 ** 20,
  /** Requests for a pack: its header, its directory, and its frames in runs of 16 MiB. */
  getsToVerifyPack: 5,
  /** Units for a pack besides its chunks: the row, live, and its copy in an index. */
  writeUnitsForPack: 5,
  listedPerRequest: 1000,
  /** Dollars for requests for leases of a TiB a month, as `npm run simulate` counts them: docs/leases.md. */
  leasesTebibyteMonth: 0.2,
} as const;
