import * as z from 'zod';
import { catalog, configuration, metrics, workBucket } from '../runtime/env-fields.ts';

/** Measures every opted-in resource against its plan's RPO. */
export const Env = z.object({
  ...configuration,
  ...workBucket,
  ...catalog,
  ...metrics,
  MAINTENANCE_MACHINE_ARN: z.string().min(1),
});
