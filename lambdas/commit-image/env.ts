import * as z from 'zod';
import { catalog, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Commits the point of an image. */
export const Env = z.object({
  ...vaultWriter,
  ...workBucket,
  ...catalog,
});
