import { RetentionRules } from '@holdfast/engine/model';
import { expirePointsStep } from '../../../lambdas/maintenance/expire-points.ts';
import { planMaintenanceStep } from '../../../lambdas/maintenance/plan-maintenance.ts';
import { reconcilePointsStep } from '../../../lambdas/maintenance/reconcile-points.ts';
import { renewLeasesStep } from '../../../lambdas/maintenance/renew-leases.ts';
import { reportMaintenanceStep } from '../../../lambdas/maintenance/report-maintenance.ts';
import { sweepPacksStep } from '../../../lambdas/maintenance/sweep-packs.ts';
import { sweepSnapshotsStep } from '../../../lambdas/maintenance/sweep-snapshots.ts';
import { verifySampleStep } from '../../../lambdas/maintenance/verify-sample.ts';
import { DAILY, type Deployment } from './deployment.ts';
import { MemoryImages } from './memory-images.ts';

/** The report of bringing points in line with holds where there are none. */
export const held = {
  done: true,
  state: { holds: 0, held: 0, released: 0, failures: { count: 0, messages: [] } },
};

function rulesWith(minimumPoints: number) {
  return [{ ...DAILY, retention: RetentionRules.parse({ keepDays: 30, minimumPoints }) }];
}

/** All stages, as the machine calls them; every answer goes on where the last one stopped. */
export function makeStages(deployment: Deployment, minimumPoints = 0) {
  const images = new MemoryImages(deployment.clock);
  const given = { ...deployment, images, plans: rulesWith(minimumPoints) };
  return {
    images,
    plan: planMaintenanceStep.over(given),
    reconcile: reconcilePointsStep.over(given),
    renew: renewLeasesStep.over(given),
    expire: expirePointsStep.over(given),
    sweep: sweepPacksStep.over(given),
    sweepSnapshots: sweepSnapshotsStep.over(given),
    verify: verifySampleStep.over(given),
    report: reportMaintenanceStep.over(given),
  };
}
