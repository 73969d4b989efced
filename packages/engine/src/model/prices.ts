/**
 * The day on which the prices here were looked up. All are list prices of us-east-1 in dollars, of the first tier,
 * without free tiers. AWS bills a "GB" of 2^30 bytes. Every quote and every choice by a price uses these.
 */
export const pricesAsOf = '2026-11-29';

export interface StorageClassPrices {
  readonly gibibyteMonth: number;
  /** For each PUT, POST, COPY or LIST. */
  readonly put: number;
  /** For each GET and every other request. Deleting is free. */
  readonly get: number;
  /** For each GiB that is read, besides the requests. */
  readonly retrievalGibibyte: number;
  /** For thawing a frozen object: for each request and each GiB, by speed. */
  readonly thaw?: Readonly<
    Partial<
      Record<'expedited' | 'standard' | 'bulk', { readonly request: number; readonly gibibyte: number }>
    >
  >;
  /** Days that every object costs at least, however early it is deleted. */
  readonly leastDays: number;
  /** Bytes that every object costs at least, however small it is. */
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
 * Classes by S3's names. Objects of GLACIER and DEEP_ARCHIVE have 40 KiB more than their bytes.
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
 * Prices of a class as S3 names it in an answer; it names none for its standard class. A class that is not in the
 * table counts as the one that is dearest to read.
 */
export function pricesOfClass(storageClass: string | undefined): StorageClassPrices {
  const classes: Readonly<Record<string, StorageClassPrices>> = storageClassPrices;
  return classes[storageClass ?? 'STANDARD'] ?? storageClassPrices.GLACIER_IR;
}

/** Prices of services other than S3. */
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
