import {
  getJson,
  putJson,
  listResourcesToRenew,
  type ResourceArn,
  sweepPartitions,
  ToRenew,
  type WorkStore,
} from '@holdfast/engine';
import { resourceArn } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { maintenanceFile, maintenanceId, partition } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

const handOnBeforeMs = 300_000;

const Planning = ToRenew.extend({ startedAt: z.iso.datetime() });

/** Once done, the answer carries what all other steps of the execution go by. */
export type PlanMaintenanceOutput =
  | { readonly done: false; readonly state: z.infer<typeof Planning> }
  | {
      readonly done: true;
      readonly maintenanceId: string;
      /** By the vault's clock; its day decides about the sample that is verified. */
      readonly startedAt: string;
      readonly partitions: readonly number[];
      readonly resources: number;
    };

/** Lists the resources that may have points to prolong, in partitions, and writes the lists into the work bucket. */
export const planMaintenanceStep = defineKeptLoop(
  maintenanceSteps,
  'plan-maintenance',
  {
    input: z.object({ maintenanceId }),
    state: Planning,
    keptAs: (input) => maintenanceFile(input.maintenanceId, 'planning.json'),
    handOnBeforeMs,
  },
  async (services, input, { before, shouldStop }): Promise<PlanMaintenanceOutput> => {
    const { store, catalog, work, log } = services;
    const startedAt = before?.startedAt ?? (await store.now()).toISOString();
    const step = await listResourcesToRenew(catalog, new Date(startedAt), { state: before, shouldStop });
    if (!step.done) return { done: false, state: { startedAt, ...step.state } };
    for (const [index, resources] of step.lists.entries())
      await putJson(work, resourcesFile(input.maintenanceId, index), resources);
    const resources = step.lists.reduce((sum, list) => sum + list.length, 0);
    log.info('divided the work', { maintenanceId: input.maintenanceId, resources });
    return {
      done: true,
      maintenanceId: input.maintenanceId,
      startedAt,
      partitions: Array.from({ length: sweepPartitions }, (_, index) => index),
      resources,
    };
  },
);

/** The input of a step that works on the resources of one partition. */
export const PartitionInput = z.object({ maintenanceId, partition });

export async function getResources(
  work: WorkStore,
  input: z.infer<typeof PartitionInput>,
): Promise<readonly ResourceArn[]> {
  return getJson(work, resourcesFile(input.maintenanceId, input.partition), z.array(resourceArn));
}

function resourcesFile(id: string, index: number): string {
  return maintenanceFile(id, `resources/${index}.json`);
}
