import * as z from 'zod';
import { catalog, configuration, metrics } from '../runtime/env-fields.ts';

/** Measures every opted-in resource against its plan's RPO. */
export const Env = z.object({
  ...configuration,
  ...catalog,
  ...metrics,
  MAINTENANCE_MACHINE_ARN: z.string().min(1),
});
