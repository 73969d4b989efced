/** The day on which the limits were looked up. */
export const limitsAsOf = '2026-11-29';

export interface Limit {
  readonly value: number;
  readonly unit: string;
  /** `quota`: AWS raises it on request. `fixed`: it does not. `assumed`: nothing of AWS says it, or not so exactly. */
  readonly kind: 'quota' | 'fixed' | 'assumed' | 'own';
  readonly source: string;
}

const aws = 'https://docs.aws.amazon.com';

/** Limits and latencies that the model holds a run against: each is said here, and nowhere else. */
export const limits = {
  workerFiles: {
    value: 200,
    unit: 'objects of 64 KiB a second of one worker',
    kind: 'own',
    source: '`npm run bench:worker`, 150 ms to the first byte',
  },
  listKeys: {
    value: 1_000,
    unit: 'keys a request',
    kind: 'fixed',
    source: `${aws}/AmazonS3/latest/API/API_ListObjectsV2.html`,
  },
  listMs: {
    value: 150,
    unit: 'ms a request',
    kind: 'assumed',
    source: `the middle of the 100 to 200 ms that AWS names for small objects; ${aws}/AmazonS3/latest/userguide/optimizing-performance.html`,
  },
  getMs: { value: 150, unit: 'ms for every other request to S3', kind: 'assumed', source: `the same` },
  dynamoMs: {
    value: 8,
    unit: 'ms a request',
    kind: 'assumed',
    source: `"single-digit milliseconds"; ${aws}/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html`,
  },
  partitionReads: {
    value: 5_500,
    unit: 'GET and HEAD a second and partition of keys',
    kind: 'fixed',
    source: `${aws}/AmazonS3/latest/userguide/optimizing-performance.html`,
  },
  partitionWrites: {
    value: 3_500,
    unit: 'PUT a second and partition of keys',
    kind: 'fixed',
    source: `the same`,
  },
  sourcePartitions: {
    value: 16,
    unit: 'equal partitions of the source',
    kind: 'assumed',
    source: 'nobody but S3 knows; it adds them while it is under load',
  },
  tableWrites: {
    value: 40_000,
    unit: 'write units a second and table',
    kind: 'quota',
    source: `${aws}/amazondynamodb/latest/developerguide/ServiceQuotas.html`,
  },
  newTableWrites: {
    value: 4_000,
    unit: 'write units a second of a table that was never busy',
    kind: 'fixed',
    source: `${aws}/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html`,
  },
  tableDoublesMinutes: {
    value: 30,
    unit: 'minutes until its capacity has doubled',
    kind: 'fixed',
    source: 'https://repost.aws/knowledge-center/on-demand-table-throttling-dynamodb',
  },
  itemWrites: {
    value: 1_000,
    unit: 'write units a second and partition of a table',
    kind: 'fixed',
    source: `${aws}/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html`,
  },
  concurrency: {
    value: 1_000,
    unit: 'functions at once',
    kind: 'quota',
    source: `${aws}/lambda/latest/dg/gettingstarted-limits.html`,
  },
  callSeconds: { value: 900, unit: 'seconds a call', kind: 'fixed', source: `the same` },
  workerBytes: {
    value: 1_769 * 2 ** 20,
    unit: 'bytes of memory of a worker',
    kind: 'own',
    source: 'lambdas/protect/steps.ts',
  },
  networkBytes: {
    value: 78_000_000,
    unit: 'bytes a second and function',
    kind: 'quota',
    source: `625 Mbit/s; ${aws}/lambda/latest/dg/gettingstarted-limits.html`,
  },
  historyEvents: {
    value: 25_000,
    unit: 'events of an execution',
    kind: 'fixed',
    source: `${aws}/step-functions/latest/dg/service-quotas.html`,
  },
  mapItems: {
    value: 100_000_000,
    unit: 'items of a distributed map',
    kind: 'fixed',
    source: `${aws}/step-functions/latest/dg/input-output-itemreader.html`,
  },
  mapListBytes: {
    value: 10_000_000_000,
    unit: 'bytes of the list that a distributed map reads',
    kind: 'fixed',
    source: `the same`,
  },
  mapStarts: {
    value: 100,
    unit: 'standard children started a second',
    kind: 'fixed',
    source: `${aws}/step-functions/latest/dg/service-quotas.html, as collected on 2026-11-22; not found again`,
  },
  rootBytes: { value: 64 * 2 ** 20, unit: 'bytes of a root', kind: 'own', source: 'docs/format.md' },
  targetHours: { value: 14, unit: 'hours', kind: 'own', source: '20,000 objects a second of 10^9' },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof limits;
