import * as z from 'zod';
import { catalog, chunkIndex, vaultReader } from '../shared/env-fields.ts';

/** Removes packs whose lease has ended. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
  ...chunkIndex,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
