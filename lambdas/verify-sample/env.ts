import * as z from 'zod';
import { catalog, vaultReader } from '../shared/env-fields.ts';

/** Verifies the part of the vault whose day it is. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
