import * as z from 'zod';
import { catalog, configuration, metrics } from '../shared/env-fields.ts';

/** Measures every opted-in resource against its plan's RPO. */
export const Env = z.object({
  ...configuration,
  ...catalog,
  ...metrics,
  MAINTENANCE_MACHINE_ARN: z.string().min(1),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
