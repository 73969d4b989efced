import * as z from 'zod';
import { catalog, vaultBucket, workBucket } from '../shared/env-fields.ts';

/** Divides the work of a day. */
export const Env = z.object({
  ...vaultBucket,
  ...workBucket,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
