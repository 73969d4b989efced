import * as z from 'zod';
import { catalog, workBucket } from '../shared/env-fields.ts';

/** Takes the snapshots of one image. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
