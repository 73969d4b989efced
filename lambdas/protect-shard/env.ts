import * as z from 'zod';
import { catalog, chunkIndex, configuration, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Reads one shard of a source and stores it. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...chunkIndex,
  ...configuration,
});
