import * as z from 'zod';
import { catalog, configuration, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Opens a run: decides type and base, fixes the lease; writes the vault's first keys. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...configuration,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
