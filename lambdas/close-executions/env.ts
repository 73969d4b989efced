import * as z from 'zod';
import { catalog, lockMode, metrics, vaultBucket, workBucket } from '../runtime/env-fields.ts';

const MachineArn = z.string().min(1);

/** Closes what executions left open that ended without a report. */
export const Env = z.object({
  // It writes nothing there but the audit log.
  ...vaultBucket,
  ...lockMode,
  ...workBucket,
  ...catalog,
  ...metrics,
  CYCLE_MACHINE_ARN: MachineArn,
  PROTECT_MACHINE_ARN: MachineArn,
  RESTORE_MACHINE_ARN: MachineArn,
  HOLD_MACHINE_ARN: MachineArn,
  MAINTENANCE_MACHINE_ARN: MachineArn,
  CHECK_MACHINE_ARN: MachineArn,
});
