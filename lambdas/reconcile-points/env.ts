import * as z from 'zod';
import { catalog, vaultReader } from '../shared/env-fields.ts';

/** Compares the roots in the vault with the catalog. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
