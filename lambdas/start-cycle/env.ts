import * as z from 'zod';
import { configuration } from '../runtime/env-fields.ts';

/** Starts one execution of the cycle machine per plan rule and due time. */
export const Env = z.object({
  ...configuration,
  CYCLE_MACHINE_ARN: z.string().min(1),
});
