import * as z from 'zod';
import { metrics } from '../shared/env-fields.ts';

/** Adds up what a day's maintenance did. */
export const Env = z.object({
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
