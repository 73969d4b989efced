import * as z from 'zod';

const ebsOperations = [
  'ListSnapshotBlocks',
  'ListChangedBlocks',
  'GetSnapshotBlock',
  'StartSnapshot',
  'PutSnapshotBlock',
  'CompleteSnapshot',
] as const;
export type EbsOperation = (typeof ebsOperations)[number];

const Quotas = z.partialRecord(z.enum(ebsOperations), z.int().min(0));

/**
 * Times and quotas of the EBS direct operations; the times are those of AWS, and nothing is throttled unless a test asks.
 * Change them on a running gateway with `PUT /_gateway/ebs/settings`.
 */
export const EbsSettings = z.strictObject({
  /** Milliseconds for which the token of a block is taken. */
  blockTokenMs: z
    .number()
    .min(0)
    .default(7 * 24 * 3_600_000),
  /** Milliseconds for which the token of a page is taken. */
  pageTokenMs: z.number().min(0).default(3_600_000),
  /** Milliseconds that a minute of StartSnapshot's `Timeout` lasts. */
  timeoutMinuteMs: z.number().min(0).default(60_000),
  /** KMS keys that may not be used: blocks encrypted with them are neither read nor written. `*` and `?` match. */
  deniedKeys: z.array(z.string()).default([]),
  /** Puts an empty page before every page of a list. */
  emptyPages: z.boolean().default(false),
  /** Calls that an account may make in a second and region, by operation; those that are not named have no quota. */
  accountQuotas: Quotas.default({}),
  /** The same for a single snapshot. */
  snapshotQuotas: Quotas.default({}),
});
export type EbsSettings = z.infer<typeof EbsSettings>;
