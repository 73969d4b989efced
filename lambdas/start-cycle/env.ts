import * as z from 'zod';
import { configuration } from '../shared/env-fields.ts';

/** Starts one execution of the cycle machine per plan rule and due time. */
export const Env = z.object({
  ...configuration,
  CYCLE_MACHINE_ARN: z.string().min(1),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
