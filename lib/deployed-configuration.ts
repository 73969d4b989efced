import type * as z from 'zod';
import { type DeployedConfiguration, productVersion } from '@holdfast/engine/model';
import type { DeploymentConfig } from './deployment-config.ts';

/**
 * The document that functions and the command line read, as {@link DeployedConfiguration} is parsed again, and that the
 * audit log records: everything that decides what is protected, where, for how long, and who may open it.
 */
export function deployedConfiguration(config: DeploymentConfig): string {
  const { plans, tagKey, lockMode, sources, restoreTargets, offlineRecipient } = config;
  const document: z.input<typeof DeployedConfiguration> = {
    version: productVersion,
    plans: plans.map((plan) => ({
      name: plan.name,
      schedules: Object.fromEntries(
        plan.rules.map(({ type, expression }) => [type, { expression, timeZone: plan.timeZone }]),
      ),
      retention: { ...plan.retention, timeZone: plan.timeZone },
      rpoHours: plan.rpoHours,
      readTags: plan.sources.s3.readTags,
      prefixes: plan.sources.s3.prefixes ?? [],
      compression: plan.compression,
      images: plan.images,
      shard: plan.shard,
    })),
    tagKey,
    lockMode,
    sources,
    restoreTargets,
    restoreWorkers: config.resourcesAtOnce * config.shardsAtOnce,
    blockQuota: config.blockQuota,
    offlineRecipient,
  };
  return JSON.stringify(document);
}
