import * as z from 'zod';
import { catalog, configuration, metrics, workBucket } from '../runtime/env-fields.ts';

/** Finds what carries the tag and writes the work list of a cycle. */
export const Env = z.object({
  ...configuration,
  ...workBucket,
  ...catalog,
  ...metrics,
});
