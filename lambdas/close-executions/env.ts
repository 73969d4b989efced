import * as z from 'zod';
import { catalog, json, lockMode, metrics, vaultBucket, workBucket } from '../shared/env-fields.ts';

const MachineArn = z.string().min(1);

/** Closes what executions left open that ended without a report. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultBucket,
  ...lockMode,
  ...workBucket,
  ...catalog,
  ...metrics,
  MACHINES: json(
    z.object({
      cycle: MachineArn,
      protect: MachineArn,
      restore: MachineArn,
      hold: MachineArn,
      maintenance: MachineArn,
    }),
  ),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
