import * as z from 'zod';
import { catalog, plans, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Opens a run: decides type and base, fixes the lease; writes the vault's first keys. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...plans,
  /** Base64 of the DER of the offline recipient's public key. */
  OFFLINE_PUBLIC_KEY: z.string().min(1).optional(),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
