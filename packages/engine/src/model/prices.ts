import type { ArchiveClass } from './retention-rules.ts';
import { workerMegabytes } from './worker.ts';

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

const archiveClasses = {
  'glacier-instant': 'GLACIER_IR',
  'glacier-flexible': 'GLACIER',
  'deep-archive': 'DEEP_ARCHIVE',
} as const satisfies Record<ArchiveClass, keyof typeof storageClassPrices>;

/** S3's name of a class that a plans file may ask for. */
export function storageClassOf(archiveClass: ArchiveClass): string {
  return archiveClasses[archiveClass];
}

/**
 * Prices of a class as S3 names it in an answer; it names none for its standard class. A class that is not in the
 * table counts as the one that is dearest to read.
 */
export function pricesOfClass(storageClass: string | undefined): StorageClassPrices {
  const classes: Readonly<Record<string, StorageClassPrices>> = storageClassPrices;
  return classes[storageClass ?? 'STANDARD'] ?? storageClassPrices.GLACIER_IR;
}

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
  /** @see https://aws.amazon.com/eventbridge/pricing/ The Scheduler, and events of S3 that a bus is told of. */
  scheduler: { invocation: 1e-6 },
  eventBridge: { event: 1e-6 },
  /** @see https://aws.amazon.com/ec2/pricing/on-demand/ To the internet, the first 10 TB of a month. */
  transferOut: { gibibyte: 0.09 },
  /**
   * Blocks of 512 KiB that differ from the snapshot before; making volumes of them is free.
   * @see https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive-pricing.html
   */
  ebsSnapshot: { gibibyteMonth: 0.05 },
  /** For a page of a list of blocks, and for each block. @see https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-pricing.html */
  ebsDirect: { list: 0.6e-6, get: 3e-6, put: 6e-6 },
  /**
   * Warm storage. Of S3 an object counts as 128 KiB at least, and GET, LIST and events of changes are paid besides; a
   * volume is billed as the EBS snapshots that it consists of.
   * @see https://aws.amazon.com/backup/pricing/
   */
  awsBackup: { s3GibibyteMonth: 0.05, s3LeastBytes: 128 * kibibyte, efsGibibyteMonth: 0.05 },
} as const;

/** Dollars for a second of a function that moves data. */
export const workerSecondDollars = (workerMegabytes / 1024) * prices.lambda.gibibyteSecond;
