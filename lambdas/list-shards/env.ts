import * as z from 'zod';
import { catalog, configuration, workBucket } from '../shared/env-fields.ts';

/** Enumerates a source into shards. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
  ...configuration,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
