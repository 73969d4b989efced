import type { PackLease } from '../packs/store-pack.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { lockDates } from './generation.ts';
import type { RunPlan } from './run-plan.ts';

/** The lease of everything that a run stores. */
export function packLeaseOf(plan: RunPlan): PackLease & Required<Pick<PackLease, 'lockDateOf' | 'lockMode'>> {
  return {
    runId: plan.runId,
    leaseUntil: plan.leaseUntil,
    lockDateOf: lockDates(plan.leaseUntil, plan, resourceKeyOf(plan.resourceArn)),
    lockMode: plan.lockMode,
    retentionClass: plan.retentionClass,
  };
}
