import * as z from 'zod';
import { catalog, lockMode, vaultBucket } from '../shared/env-fields.ts';

/** Removes points whose retention has ended. */
export const Env = z.object({
  ...vaultBucket,
  // For the audit log, all that it writes there.
  ...lockMode,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
