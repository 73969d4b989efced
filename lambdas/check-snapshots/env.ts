import * as z from 'zod';
import { catalog, workBucket } from '../runtime/env-fields.ts';

/** Says whether the snapshots of an image are complete. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
});
