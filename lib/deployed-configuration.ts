import type { DeploymentConfig } from './deployment-config.ts';

/**
 * The document that functions and the command line read, as `DeployedConfiguration` of the engine parses it, and that
 * the audit log records: everything that decides what is protected, where, for how long, and who may open it.
 */
export function deployedConfiguration(config: DeploymentConfig): string {
  const { plans, tagKey, lockMode, sources, restoreTargets, offlineRecipient } = config;
  return JSON.stringify({
    plans: plans.map((plan) => ({
      name: plan.name,
      schedules: Object.fromEntries(
        plan.rules.map(({ type, expression }) => [type, { expression, timeZone: plan.timeZone }]),
      ),
      retention: { ...plan.retention, timeZone: plan.timeZone },
      rpoHours: plan.rpoHours,
      readTags: plan.sources.s3.readTags,
      prefixes: plan.sources.s3.prefixes ?? [],
      shard: plan.shard,
    })),
    tagKey,
    lockMode,
    sources,
    restoreTargets,
    restoreWorkers: config.resourcesAtOnce * config.shardsAtOnce,
    offlineRecipient,
  });
}
