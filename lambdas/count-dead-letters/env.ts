import * as z from 'zod';
import { json, metrics } from '../shared/env-fields.ts';

/** Counts what could not be delivered. */
export const Env = z.object({
  DEAD_LETTER_QUEUES: json(z.array(z.string().min(1))),
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
