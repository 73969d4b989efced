import * as z from 'zod';
import { catalog, metrics, workBucket } from '../shared/env-fields.ts';

/** Verifies and reports a restore, or closes it as failed. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
