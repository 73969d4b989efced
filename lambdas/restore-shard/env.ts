import * as z from 'zod';
import { configuration, vaultReader, workBucket } from '../runtime/env-fields.ts';

/** Restores one shard into its target. */
export const Env = z.object({
  ...vaultReader,
  ...workBucket,
  ...configuration,
});
