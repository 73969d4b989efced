import * as z from 'zod';
import { configuration, vaultReader, workBucket } from '../shared/env-fields.ts';

/** Restores one shard into its target. */
export const Env = z.object({
  ...vaultReader,
  ...workBucket,
  ...configuration,
});
