import * as z from 'zod';
import { catalog } from '../shared/env-fields.ts';

/** Removes snapshots that failed runs left. */
export const Env = z.object({
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
