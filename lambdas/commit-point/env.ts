import * as z from 'zod';
import { catalog, chunkIndex, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Joins the workers' pages and commits the point. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...chunkIndex,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
