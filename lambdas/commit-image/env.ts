import * as z from 'zod';
import { catalog, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Commits the point of an image. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
