import * as z from 'zod';
import { workBucket } from '../runtime/env-fields.ts';

/** Makes volumes from the snapshots of an image. */
export const Env = z.object({
  ...workBucket,
});
