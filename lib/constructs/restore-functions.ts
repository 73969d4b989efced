import { Duration, Stack } from 'aws-cdk-lib';
import { workerMegabytes } from '@holdfast/engine/model';
import type { Construct } from 'constructs';
import type { EnvInput as FinishRestoreEnv } from '../../lambdas/finish-restore/env.ts';
import type { EnvInput as PlanRestoreEnv } from '../../lambdas/plan-restore/env.ts';
import type { EnvInput as RestoreShardEnv } from '../../lambdas/restore-shard/env.ts';
import type { EnvInput as RestoreVolumesEnv } from '../../lambdas/restore-volumes/env.ts';
import { METRICS_NAMESPACE } from '../metrics.ts';
import { FunctionGroup, LONGEST, storageVariables, type FunctionGroupProps } from './function-group.ts';
import type { PipelineFunction } from './pipeline-function.ts';
import { createsVolumes, describes, listsTargets, writesTargets } from './source-access.ts';
import {
  putsMetrics,
  readsSealed,
  readsVault,
  thawsContainers,
  usesCatalog,
  usesWork,
  writesAuditLog,
} from './vault-access.ts';

/** The functions of restores. They write to the configured targets, and nothing in the vault but its audit log. */
export class RestoreFunctions extends FunctionGroup {
  readonly planRestore: PipelineFunction;
  readonly restoreShard: PipelineFunction;
  readonly restoreVolumes: PipelineFunction;
  readonly finishRestore: PipelineFunction;

  constructor(scope: Construct, id: string, props: FunctionGroupProps) {
    super(scope, id, props);
    const { config, configuration, storage } = props;
    const stack = Stack.of(this);
    const { CATALOG_TABLE, WORK_BUCKET, auditor, vaultReader, vaultWriter } = storageVariables(props);
    const CONFIGURATION = configuration.url;

    this.planRestore = this.add('plan-restore', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CONFIGURATION,
      } satisfies PlanRestoreEnv,
      statements: [
        configuration.reads(),
        describes('Snapshots'),
        ...listsTargets(config),
        ...readsVault(storage),
        thawsContainers(storage),
        writesAuditLog(storage),
        ...usesWork(storage, ['restores/*']),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 1024,
      timeout: LONGEST,
    });
    this.restoreShard = this.add('restore-shard', {
      environment: {
        ...vaultReader,
        WORK_BUCKET,
        CONFIGURATION,
      } satisfies RestoreShardEnv,
      statements: [
        configuration.reads(),
        ...writesTargets(config),
        ...readsVault(storage),
        ...usesWork(storage, ['restores/*']),
      ],
      memoryMegabytes: workerMegabytes,
      timeout: LONGEST,
    });
    this.restoreVolumes = this.add('restore-volumes', {
      environment: { WORK_BUCKET } satisfies RestoreVolumesEnv,
      statements: [
        describes('Volumes'),
        ...createsVolumes(stack, config),
        ...usesWork(storage, ['restores/*']),
      ],
      timeout: Duration.minutes(5),
    });
    this.finishRestore = this.add('finish-restore', {
      environment: {
        ...auditor,
        WORK_BUCKET,
        CATALOG_TABLE,
        METRICS_NAMESPACE,
      } satisfies FinishRestoreEnv,
      statements: [
        ...readsSealed(storage),
        writesAuditLog(storage),
        ...usesWork(storage, ['restores/*']),
        ...usesCatalog(storage),
        ...putsMetrics(METRICS_NAMESPACE),
      ],
      timeout: Duration.minutes(5),
    });
  }
}
