import * as z from 'zod';
import { catalog, workBucket } from '../runtime/env-fields.ts';

/** Takes the snapshots of one image. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
});
