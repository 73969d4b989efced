import * as z from 'zod';

/**
 * Settings of the archive classes of S3; on AWS a thaw takes from minutes to two days.
 * Change it on a running gateway with `PUT /_gateway/s3-archive/settings`; a thaw that has not ended takes it too.
 */
export const ArchiveSettings = z.strictObject({
  /** Milliseconds from a request until the object can be read, whatever the class and the tier. */
  thawMs: z.number().min(0).default(2000),
});
export type ArchiveSettings = z.infer<typeof ArchiveSettings>;
