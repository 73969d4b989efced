import * as z from 'zod';
import { catalog, lockMode, metrics, vaultBucket, workBucket } from '../runtime/env-fields.ts';

/** Closes a restore: adds up what it did, or records why it failed. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultBucket,
  ...lockMode,
  ...workBucket,
  ...catalog,
  ...metrics,
});
