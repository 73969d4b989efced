import * as z from 'zod';
import { catalog, configuration, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Prolongs the points that rules and holds keep. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...configuration,
});
