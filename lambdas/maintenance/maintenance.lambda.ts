import { serve } from '../runtime/serve.ts';
import { planMaintenanceStep } from './plan-maintenance.ts';
import { reconcilePointsStep } from './reconcile-points.ts';
import { reconcileHoldsStep } from './reconcile-holds.ts';
import { renewLeasesStep } from './renew-leases.ts';
import { startContainersStep } from './start-containers.ts';
import { expirePointsStep } from './expire-points.ts';
import { sweepPacksStep } from './sweep-packs.ts';
import { sweepSnapshotsStep } from './sweep-snapshots.ts';
import { verifySampleStep } from './verify-sample.ts';
import { writeCheckpointStep } from './write-checkpoint.ts';
import { reportMaintenanceStep } from './report-maintenance.ts';
import type { maintenanceSteps } from './steps.ts';

export const handler = await serve<typeof maintenanceSteps>({
  'plan-maintenance': planMaintenanceStep,
  'reconcile-points': reconcilePointsStep,
  'reconcile-holds': reconcileHoldsStep,
  'renew-leases': renewLeasesStep,
  'start-containers': startContainersStep,
  'expire-points': expirePointsStep,
  'sweep-packs': sweepPacksStep,
  'sweep-snapshots': sweepSnapshotsStep,
  'verify-sample': verifySampleStep,
  'write-checkpoint': writeCheckpointStep,
  'report-maintenance': reportMaintenanceStep,
});
