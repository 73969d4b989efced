import * as z from 'zod';
import { catalog, configuration, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Prolongs the points that rules and holds keep. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...configuration,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
