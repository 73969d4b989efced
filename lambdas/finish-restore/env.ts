import * as z from 'zod';
import { catalog, metrics, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Verifies and reports a restore, or closes it as failed. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
