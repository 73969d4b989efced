import * as z from 'zod';
import { configuration, vaultReader, workBucket } from '../shared/env-fields.ts';

/** Restores one shard into its target. */
export const Env = z.object({
  ...vaultReader,
  ...workBucket,
  ...configuration,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
