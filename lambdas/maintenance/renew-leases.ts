import {
  AuditLog,
  addRenewals,
  noRenewals,
  type PackId,
  type PointId,
  renewResource,
  type RenewReport,
  type RenewServices,
  type RenewState as EngineState,
  type ResourceArn,
  type WriteServices,
} from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import * as z from 'zod';
import { resourcesFile } from './plan-maintenance.ts';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import {
  Failures,
  maintenanceId,
  mergeFailures,
  noneFailed,
  noteFailures,
  partition,
} from './maintenance-fields.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';
import { getJson } from '../runtime/work-json.ts';

/** The next call goes on when less than this is left: a thousand packs have to fit in. Milliseconds. */
const handOnBeforeMs = 180_000;

/** What all calls so far did, and where the next one goes on: at a resource of the list, perhaps within a point. */
const RenewState = z.object({
  next: z.int().nonnegative(),
  within: z
    .object({
      pointId: z.string().transform((text) => text as PointId),
      after: z
        .string()
        .transform((text) => text as PackId)
        .optional(),
    })
    .optional(),
  renewed: z.int(),
  packs: z.int(),
  rootsLocked: z.int(),
  tooLate: z.int(),
  lostPacks: z.int(),
  unreadable: z.int(),
  withoutPlan: z.int(),
  failures: Failures,
});
type RenewState = z.infer<typeof RenewState>;

const RenewInput = z.object({ maintenanceId, partition, state: RenewState.nullish() });
const ResourceList = z.array(z.string().transform((text) => text as ResourceArn));

/** Whether all resources of the partition have been looked at. */
export interface RenewOutput {
  readonly done: boolean;
  readonly state: RenewState;
}

const nothing: RenewState = {
  next: 0,
  renewed: 0,
  packs: 0,
  rootsLocked: 0,
  tooLate: 0,
  lostPacks: 0,
  unreadable: 0,
  withoutPlan: 0,
  failures: noneFailed,
};

/** Prolongs the points of one partition's resources that rules and holds keep. */
export function makeHandler(deps: {
  readonly services: WriteServices & Pick<RenewServices, 'catalog'>;
  readonly plans: Plans;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<RenewOutput> {
  const { services, plans, openKeys, log } = deps;
  const { store, catalog, lockMode, work } = services;
  const audit = new AuditLog(services);
  const onProlonged: RenewServices['onProlonged'] = async ({ pointId, resourceArn }, expiresAt, reasons) => {
    await audit.append({
      chain: resourceArn,
      id: `prolong ${pointId} ${expiresAt.toISOString()}`,
      by: 'maintenance',
      event: { kind: 'prolong', point: pointId, expiresAt: expiresAt.toISOString(), reasons: [...reasons] },
    });
  };
  return defineHandler('renew-leases', RenewInput, async (input, context) => {
    const before = input.state ?? nothing;
    const resources = await getJson(work, resourcesFile(input.maintenanceId, input.partition), ResourceList);
    const shouldStop = () => context.getRemainingTimeInMillis() < handOnBeforeMs;
    let { next } = before;
    let within: EngineState | undefined = before.within;
    let report = noRenewals;
    while (next < resources.length && (next === before.next || !shouldStop())) {
      const keys = await openKeys();
      const done = await renewResource(
        { store, catalog, lockMode, plans, onProlonged },
        keys,
        resources[next] as ResourceArn,
        { shouldStop, state: within },
      );
      report = addRenewals(report, done.report);
      within = done.state;
      if (within !== undefined) break;
      next += 1;
    }
    for (const message of report.unreadable.messages) log.warn('damage', { reason: message });
    const state = add(before, report, noteFailures(log, 'renewing', report.failures), next, within);
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
  });
}

function add(
  before: RenewState,
  report: RenewReport,
  failures: Failures,
  next: number,
  within: EngineState | undefined,
): RenewState {
  return {
    next,
    within,
    renewed: before.renewed + report.renewed,
    packs: before.packs + report.packs,
    rootsLocked: before.rootsLocked + report.rootsLocked,
    tooLate: before.tooLate + report.tooLate,
    lostPacks: before.lostPacks + report.lostPacks,
    unreadable: before.unreadable + report.unreadable.count,
    withoutPlan: before.withoutPlan + report.withoutPlan,
    failures: mergeFailures(before.failures, failures),
  };
}
