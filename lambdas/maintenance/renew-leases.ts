import {
  addCounts,
  addRenewals,
  noRenewals,
  renewResource,
  type RenewServices,
  RenewState as WithinResource,
} from '@holdfast/engine';
import * as z from 'zod';
import { getResources, PartitionInput } from './plan-maintenance.ts';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import { partOf, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for a thousand packs. */
const handOnBeforeMs = 180_000;

/** Sums of all calls so far, and where the next one goes on: at a resource of the list, perhaps within a point. */
const RenewState = z.object({
  next: z.int().nonnegative(),
  within: WithinResource.optional(),
  ...partOf('renewed', z.int()),
});
type RenewState = z.infer<typeof RenewState>;

const nothing: RenewState = { next: 0, ...nothingOf('renewed') };

/** Prolongs the points that rules and holds keep, of one partition's resources. */
export const renewLeasesStep = defineLoop(
  maintenanceSteps,
  'renew-leases',
  { input: PartitionInput, state: RenewState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<LoopOutput<RenewState>> => {
    const { plans, openKeys, log, store, catalog, lockMode, work, audit } = services;
    const onProlonged: RenewServices['onProlonged'] = async (
      { pointId, resourceArn },
      expiresAt,
      reasons,
    ) => {
      await audit.append({
        chain: resourceArn,
        id: `prolong ${pointId} ${expiresAt.toISOString()}`,
        by: 'maintenance',
        event: { kind: 'prolong', point: pointId, expiresAt: expiresAt.toISOString(), reasons: [...reasons] },
      });
    };
    const resources = await getResources(work, input);
    let { next, within } = before;
    let report = noRenewals;
    while (next < resources.length && (next === before.next || !shouldStop())) {
      const keys = await openKeys();
      const done = await renewResource(
        { store, catalog, lockMode, plans, onProlonged },
        keys,
        resources[next] as (typeof resources)[number],
        { shouldStop, state: within },
      );
      report = addRenewals(report, done.report);
      within = done.state;
      if (within !== undefined) break;
      next += 1;
    }
    for (const message of report.unreadable.messages) log.warn('damage', { reason: message });
    const state = {
      ...addCounts(before, { ...report, unreadable: report.unreadable.count, next: 0 }),
      failures: mergeFailures(before.failures, noteFailures(log, 'renewing', report.failures)),
      next,
      within,
    };
    const { renewed, packs, tooLate, lostPacks } = state;
    log.info('renewed leases', {
      partition: input.partition,
      next,
      renewed,
      packs,
      tooLate,
      lostPacks,
    });
    return { done: next >= resources.length, state };
  },
);
