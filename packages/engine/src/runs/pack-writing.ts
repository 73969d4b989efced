import type { VaultKeys } from '../keys/vault-keys.ts';
import { compressionPolicies } from '../packs/frame-codec.ts';
import type { PagePackWriterOptions } from '../packs/page-pack-writer.ts';
import type { PackLease } from '../packs/store-pack.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import type { RunServices } from '../services.ts';
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

/** Options of everything that writes packs of a run, the same in all its workers. */
export function packWritingOf(
  { store, catalog, clock, random }: Pick<RunServices, 'store' | 'catalog' | 'clock' | 'random'>,
  vault: VaultKeys,
  plan: RunPlan,
  signal?: AbortSignal,
): PagePackWriterOptions {
  const compression = compressionPolicies[plan.compression];
  return { store, catalog, clock, random, vault, lease: packLeaseOf(plan), compression, signal };
}
