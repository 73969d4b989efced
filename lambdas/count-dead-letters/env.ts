import * as z from 'zod';
import { metrics } from '../runtime/env-fields.ts';

/** Counts what could not be delivered. */
export const Env = z.object({
  DEAD_LETTER_QUEUE: z.string().min(1),
  ...metrics,
});
