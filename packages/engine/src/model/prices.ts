/**
 * The day on which the prices here were looked up. All of them are list prices of us-east-1 in dollars, of the first
 * tier, without free tiers. AWS bills a "GB" of 2^30 bytes. Whatever quotes or chooses by a price takes it from here.
 */
export const pricesAsOf = '2026-11-29';

/** What a class of S3 costs. */
export interface StorageClassPrices {
  readonly gibibyteMonth: number;
  /** For each PUT, and each POST, COPY or LIST. */
  readonly put: number;
  /** For each GET, and everything else that is no PUT, POST, COPY or LIST. Deleting is free. */
  readonly get: number;
  /** For each GiB that is read, besides the requests. */
  readonly retrievalGibibyte: number;
  /** For making an object readable that lies frozen: for each request and each GiB, by speed. */
  readonly thaw?: Readonly<
    Partial<
      Record<'expedited' | 'standard' | 'bulk', { readonly request: number; readonly gibibyte: number }>
    >
  >;
  /** An object that is deleted earlier costs as if it had stayed so long. */
  readonly leastDays: number;
  /** A smaller object costs as if it had so many bytes. */
  readonly leastBytes: number;
  /** For watching each object, a month. */
  readonly monitoredObjectMonth: number;
}

const kibibyte = 1024;
const frequent = { put: 0.005e-3, get: 0.0004e-3, retrievalGibibyte: 0 };
const infrequent = { put: 0.01e-3, get: 0.001e-3, retrievalGibibyte: 0.01 };
const unwatched = { monitoredObjectMonth: 0 };
const noLeast = { leastDays: 0, leastBytes: 0 };

/**
 * By the name that S3 has for the class. Objects of GLACIER and DEEP_ARCHIVE have 40 KiB more than their bytes.
 * @see https://aws.amazon.com/s3/pricing/
 */
export const storageClassPrices = {
  STANDARD: { gibibyteMonth: 0.023, ...frequent, ...noLeast, ...unwatched },
  INTELLIGENT_TIERING: { gibibyteMonth: 0.023, ...frequent, ...noLeast, monitoredObjectMonth: 0.0025e-3 },
  STANDARD_IA: {
    gibibyteMonth: 0.0125,
    ...infrequent,
    leastDays: 30,
    leastBytes: 128 * kibibyte,
    ...unwatched,
  },
  ONEZONE_IA: { gibibyteMonth: 0.01, ...infrequent, leastDays: 30, leastBytes: 128 * kibibyte, ...unwatched },
  GLACIER_IR: {
    gibibyteMonth: 0.004,
    put: 0.02e-3,
    get: 0.01e-3,
    retrievalGibibyte: 0.03,
    leastDays: 90,
    leastBytes: 128 * kibibyte,
    ...unwatched,
  },
  GLACIER: {
    gibibyteMonth: 0.0036,
    put: 0.03e-3,
    get: 0.0004e-3,
    retrievalGibibyte: 0,
    thaw: {
      expedited: { request: 10e-3, gibibyte: 0.03 },
      standard: { request: 0.05e-3, gibibyte: 0.01 },
      bulk: { request: 0, gibibyte: 0 },
    },
    leastDays: 90,
    leastBytes: 0,
    ...unwatched,
  },
  DEEP_ARCHIVE: {
    gibibyteMonth: 0.00099,
    put: 0.05e-3,
    get: 0.0004e-3,
    retrievalGibibyte: 0,
    thaw: {
      standard: { request: 0.1e-3, gibibyte: 0.02 },
      bulk: { request: 0.025e-3, gibibyte: 0.0025 },
    },
    leastDays: 180,
    leastBytes: 0,
    ...unwatched,
  },
} as const satisfies Readonly<Record<string, StorageClassPrices>>;

/**
 * Prices of a class as S3 names it in an answer; it names none for its standard class. A class that is not in the table
 * is taken for the one that is dearest to read.
 */
export function pricesOfClass(storageClass: string | undefined): StorageClassPrices {
  const classes: Readonly<Record<string, StorageClassPrices>> = storageClassPrices;
  return classes[storageClass ?? 'STANDARD'] ?? storageClassPrices.GLACIER_IR;
}

/** Everything that is not S3's. */
export const prices = {
  /** @see https://aws.amazon.com/lambda/pricing/ arm64. */
  lambda: { gibibyteSecond: 0.000_013_333_4, call: 0.2e-6 },
  /** @see https://aws.amazon.com/step-functions/pricing/ Standard. */
  stepFunctions: { transition: 0.025e-3 },
  /** @see https://aws.amazon.com/dynamodb/pricing/on-demand/ A unit writes 1 KiB, or reads 4 KiB consistently. */
  dynamo: { writeUnit: 0.625e-6, readUnit: 0.125e-6, gibibyteMonth: 0.25, recoveryGibibyteMonth: 0.2 },
  /** @see https://aws.amazon.com/kms/pricing/ Each of a key's first two rotations costs as much as the key. */
  kms: { keyMonth: 1, request: 0.03e-4 },
  /** @see https://aws.amazon.com/cloudwatch/pricing/ A metric costs for the hours in which it is published. */
  cloudWatch: { metricMonth: 0.3, alarmMonth: 0.1, dashboardMonth: 3, request: 0.01e-3 },
  /** @see https://aws.amazon.com/sqs/pricing/ */
  sqs: { request: 0.4e-6 },
  /** @see https://aws.amazon.com/eventbridge/pricing/ The Scheduler. */
  scheduler: { invocation: 1e-6 },
} as const;
