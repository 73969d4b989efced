import * as z from 'zod';
import { catalog, configuration, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Opens a run: decides type and base, fixes the lease; writes the vault's first keys. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...configuration,
});
