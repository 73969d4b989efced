import * as z from 'zod';
import { catalog, chunkIndex, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Joins the workers' pages and commits the point. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...chunkIndex,
});
