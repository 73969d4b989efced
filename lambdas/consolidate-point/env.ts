import * as z from 'zod';
import { catalog, chunkIndex, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Writes a synthetic full into one container. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...chunkIndex,
});
