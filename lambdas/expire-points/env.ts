import * as z from 'zod';
import { catalog, lockMode, vaultBucket } from '../runtime/env-fields.ts';

/** Removes points whose retention has ended. */
export const Env = z.object({
  ...vaultBucket,
  // For the audit log, all that it writes there.
  ...lockMode,
  ...catalog,
});
