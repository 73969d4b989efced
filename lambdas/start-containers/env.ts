import * as z from 'zod';
import { catalog, configuration, vaultBucket, workBucket } from '../runtime/env-fields.ts';

/** Starts runs that make containers of points that are kept for long. */
export const Env = z.object({
  ...vaultBucket,
  ...workBucket,
  ...catalog,
  ...configuration,
  PROTECT_MACHINE_ARN: z.string().min(1),
});
