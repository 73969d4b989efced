import * as z from 'zod';
import { catalog, vaultWriter } from '../shared/env-fields.ts';

/** Removes points whose retention has ended. */
export const Env = z.object({
  ...vaultWriter,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
