import { listResourcesToRenew, sweepPartitions } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { maintenanceFile, maintenanceId } from './maintenance-fields.ts';
import { putJson } from '../runtime/work-json.ts';
import { maintenanceSteps } from './steps.ts';

const PlanMaintenanceInput = z.object({ maintenanceId });

/** What all steps of one execution go by. */
export interface PlanMaintenanceOutput {
  readonly maintenanceId: string;
  /** By the vault's clock; its day decides about the sample that is verified. */
  readonly startedAt: string;
  readonly partitions: readonly number[];
  readonly resources: number;
}

/** Lists the resources that may have points to prolong, in partitions, and writes the lists into the work bucket. */
export const planMaintenanceStep = defineStep(
  maintenanceSteps,
  'plan-maintenance',
  PlanMaintenanceInput,
  async (services, input): Promise<PlanMaintenanceOutput> => {
    const { store, catalog, work, log } = services;
    const now = await store.now();
    const lists = await listResourcesToRenew(catalog, now);
    for (const [partition, resources] of lists.entries())
      await putJson(work, resourcesFile(input.maintenanceId, partition), resources);
    const resources = lists.reduce((sum, list) => sum + list.length, 0);
    log.info('divided the work', { maintenanceId: input.maintenanceId, resources });
    return {
      maintenanceId: input.maintenanceId,
      startedAt: now.toISOString(),
      partitions: Array.from({ length: sweepPartitions }, (_, partition) => partition),
      resources,
    };
  },
);

/** Where the list of a partition's resources lies. */
export function resourcesFile(id: string, partition: number): string {
  return maintenanceFile(id, `resources/${partition}.json`);
}
