import * as z from 'zod';
import { catalog, restoreTargets, vaultWriter, workBucket } from '../shared/env-fields.ts';

/** Checks a restore, quotes it and cuts it into shards. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultWriter,
  ...workBucket,
  ...catalog,
  ...restoreTargets,
  /** Shards of one restore that are worked on at once, for the time in the quote. */
  RESTORE_WORKERS: z
    .string()
    .regex(/^[1-9]\d*$/)
    .transform(Number),
  /** Set by Lambda itself. */
  AWS_REGION: z.string().optional(),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
