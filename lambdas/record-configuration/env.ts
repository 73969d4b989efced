import * as z from 'zod';
import { configuration, lockMode, vaultBucket } from '../runtime/env-fields.ts';

/** Puts what is deployed on the audit log. */
export const Env = z.object({
  ...vaultBucket,
  ...lockMode,
  ...configuration,
});
