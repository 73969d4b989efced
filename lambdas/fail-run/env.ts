import * as z from 'zod';
import { catalog, metrics } from '../shared/env-fields.ts';

/** Closes a run that failed, or a cycle that could not start. */
export const Env = z.object({
  ...catalog,
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
