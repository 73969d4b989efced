import { generationEnd, leasePolicyFor } from '../../src/runs/generation.ts';
import type { RenewServices } from '../../src/maintenance/renew-leases.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import type { PointId } from '../../src/ids.ts';
import { defaultImageSettings } from '../../src/model/image-settings.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { RetentionRules } from '../../src/model/retention-rules.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import type { Harness } from '../runs/harness.ts';

/** A plan named as the harness names it. */
export function planWith(rules: Partial<RetentionRules> & Pick<RetentionRules, 'keepDays'>): Plan {
  return {
    name: 'daily',
    schedules: {},
    retention: RetentionRules.parse(rules),
    rpoHours: 30,
    readTags: true,
    prefixes: [],
    compression: 'default',
    images: defaultImageSettings,
    shard: { files: 3, bytes: 2 ** 30 },
  };
}

/** What renewing needs, with planned faults. */
export function renewServices(harness: Harness, plan: Plan, faults = new FaultPlan()): RenewServices {
  const { store, catalog } = harness;
  return {
    store: withFaults(store, faults),
    catalog: withFaults(catalog, faults),
    lockMode: 'governance',
    plans: [plan],
  };
}

/** A point's row, which has to be there. */
export async function rowOf(harness: Harness, pointId: PointId): Promise<PointRow> {
  const row = await harness.catalog.points.find(pointId);
  if (row === undefined) throw new Error(`point ${pointId} is not in the catalog`);
  return row;
}

/** The end of the generation that contains the time one generation from now. */
export function nextBoundary(harness: Harness, keepDays: number): Date {
  const { generationDays } = leasePolicyFor(keepDays);
  const early = new Date(harness.clock.now().getTime() + generationDays * 86_400_000);
  return generationEnd(early, resourceKeyOf(harness.arn), generationDays);
}
