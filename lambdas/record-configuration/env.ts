import * as z from 'zod';
import { configuration, lockMode, vaultBucket } from '../shared/env-fields.ts';

/** Puts what is deployed on the audit log. */
export const Env = z.object({
  ...vaultBucket,
  ...lockMode,
  ...configuration,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
