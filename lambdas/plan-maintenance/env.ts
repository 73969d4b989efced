import * as z from 'zod';
import { catalog, vaultBucket, workBucket } from '../runtime/env-fields.ts';

/** Divides the work of a day. */
export const Env = z.object({
  ...vaultBucket,
  ...workBucket,
  ...catalog,
});
