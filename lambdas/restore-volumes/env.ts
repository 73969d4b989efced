import * as z from 'zod';
import { workBucket } from '../shared/env-fields.ts';

/** Makes volumes from the snapshots of an image. */
export const Env = z.object({
  ...workBucket,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
