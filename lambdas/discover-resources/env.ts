import * as z from 'zod';
import { catalog, configuration, metrics, workBucket } from '../shared/env-fields.ts';

/** Finds what carries the tag and writes the work list of a cycle. */
export const Env = z.object({
  ...configuration,
  ...workBucket,
  ...catalog,
  ...metrics,
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
