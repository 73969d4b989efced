import * as z from 'zod';
import { catalog, configuration, vaultWriter, workBucket } from '../runtime/env-fields.ts';

/** Checks a restore, quotes it and cuts it into shards. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...configuration,
  /** Set by Lambda itself. */
  AWS_REGION: z.string().optional(),
});
