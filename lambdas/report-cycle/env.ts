import * as z from 'zod';
import { catalog, metrics, workBucket } from '../shared/env-fields.ts';

/** Adds up what the runs of a cycle did. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
