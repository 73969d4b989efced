import * as z from 'zod';
import { catalog, configuration, workBucket } from '../runtime/env-fields.ts';

/** Enumerates a source into shards. */
export const Env = z.object({
  ...workBucket,
  ...catalog,
  ...configuration,
});
