import * as z from 'zod';
import { metrics } from '../runtime/env-fields.ts';

/** Adds up what a day's maintenance did. */
export const Env = z.object({
  ...metrics,
});
