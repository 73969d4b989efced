import * as z from 'zod';
import { catalog, metrics, workBucket } from '../runtime/env-fields.ts';

/** Adds up what the runs of a cycle did. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
  ...metrics,
});
