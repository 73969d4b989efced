import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { workerMegabytes, type longestExecutionHours } from '@holdfast/engine/model';
import type { Construct } from 'constructs';
import type { EnvInput as CheckOverdueEnv } from '../../lambdas/check-overdue/env.ts';
import type { EnvInput as CheckSnapshotsEnv } from '../../lambdas/check-snapshots/env.ts';
import type { EnvInput as CloseExecutionsEnv } from '../../lambdas/close-executions/env.ts';
import type { EnvInput as CommitImageEnv } from '../../lambdas/commit-image/env.ts';
import type { EnvInput as CommitPointEnv } from '../../lambdas/commit-point/env.ts';
import type { EnvInput as ConsolidatePointEnv } from '../../lambdas/consolidate-point/env.ts';
import type { EnvInput as CountDeadLettersEnv } from '../../lambdas/count-dead-letters/env.ts';
import type { EnvInput as DiscoverResourcesEnv } from '../../lambdas/discover-resources/env.ts';
import type { EnvInput as FailRunEnv } from '../../lambdas/fail-run/env.ts';
import type { EnvInput as HoldPointsEnv } from '../../lambdas/hold-points/env.ts';
import type { EnvInput as ListShardsEnv } from '../../lambdas/list-shards/env.ts';
import type { EnvInput as OpenRunEnv } from '../../lambdas/open-run/env.ts';
import type { EnvInput as ProtectShardEnv } from '../../lambdas/protect-shard/env.ts';
import type { EnvInput as RecordConfigurationEnv } from '../../lambdas/record-configuration/env.ts';
import type { EnvInput as ReportCycleEnv } from '../../lambdas/report-cycle/env.ts';
import type { EnvInput as SnapshotVolumesEnv } from '../../lambdas/snapshot-volumes/env.ts';
import type { EnvInput as StartCycleEnv } from '../../lambdas/start-cycle/env.ts';
import { METRICS_NAMESPACE } from '../metrics.ts';
import { executionsOf } from './executions-of.ts';
import { FunctionGroup, LONGEST, storageVariables, type FunctionGroupProps } from './function-group.ts';
import type { PipelineFunction } from './pipeline-function.ts';
import { describes, discoversSources, listsBuckets, readsBuckets, takesSnapshots } from './source-access.ts';
import {
  accountOfArn,
  createsVaultKeys,
  extendsLocks,
  holdsPoints,
  putsMetrics,
  readsCatalog,
  readsSealed,
  readsVault,
  readsWork,
  usesCatalog,
  usesChunkIndex,
  usesWork,
  writesAuditLog,
  writesVault,
} from './vault-access.ts';

/** Properties of {@link PipelineFunctions}. */
export interface PipelineFunctionsProps extends FunctionGroupProps {
  readonly deadLetters: IQueue;
}

/** The functions of cycles, runs and holds, and those that watch over them. */
export class PipelineFunctions extends FunctionGroup {
  readonly recordConfiguration: PipelineFunction;
  readonly discoverResources: PipelineFunction;
  readonly openRun: PipelineFunction;
  readonly listShards: PipelineFunction;
  readonly protectShard: PipelineFunction;
  readonly commitPoint: PipelineFunction;
  readonly consolidatePoint: PipelineFunction;
  readonly snapshotVolumes: PipelineFunction;
  readonly checkSnapshots: PipelineFunction;
  readonly commitImage: PipelineFunction;
  readonly failRun: PipelineFunction;
  readonly reportCycle: PipelineFunction;
  readonly holdPoints: PipelineFunction;
  readonly countDeadLetters: PipelineFunction;
  private readonly props: PipelineFunctionsProps;

  constructor(scope: Construct, id: string, props: PipelineFunctionsProps) {
    super(scope, id, props);
    this.props = props;
    const { config, configuration, storage, deadLetters } = props;
    const stack = Stack.of(this);

    const { CATALOG_TABLE, CHUNK_INDEX_TABLE, WORK_BUCKET, auditor, vaultWriter } = storageVariables(props);
    const CONFIGURATION = configuration.url;

    this.recordConfiguration = this.add('record-configuration', {
      environment: {
        ...auditor,
        CONFIGURATION,
      } satisfies RecordConfigurationEnv,
      statements: [configuration.reads(), ...readsSealed(storage), writesAuditLog(storage)],
    });
    this.discoverResources = this.add('discover-resources', {
      environment: {
        CONFIGURATION,
        WORK_BUCKET,
        CATALOG_TABLE,
        METRICS_NAMESPACE,
      } satisfies DiscoverResourcesEnv,
      statements: [
        configuration.reads(),
        ...discoversSources(),
        ...usesWork(storage, ['cycles/*']),
        ...usesCatalog(storage),
        ...putsMetrics(METRICS_NAMESPACE),
      ],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.openRun = this.add('open-run', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CONFIGURATION,
      } satisfies OpenRunEnv,
      statements: [
        configuration.reads(),
        ...listsBuckets(config),
        ...readsVault(storage),
        ...writesVault(storage, ['format.json', 'keys/*']),
        ...createsVaultKeys(storage),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 1024,
      timeout: LONGEST,
    });
    this.listShards = this.add('list-shards', {
      environment: { WORK_BUCKET, CATALOG_TABLE, CONFIGURATION } satisfies ListShardsEnv,
      statements: [
        configuration.reads(),
        ...listsBuckets(config),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 1024,
      timeout: LONGEST,
    });
    this.protectShard = this.add('protect-shard', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CHUNK_INDEX_TABLE,
        CONFIGURATION,
      } satisfies ProtectShardEnv,
      statements: [
        configuration.reads(),
        ...listsBuckets(config),
        ...readsBuckets(config),
        ...readsVault(storage),
        ...writesVault(storage, ['packs/*', 'pages/*']),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
        ...usesChunkIndex(storage),
      ],
      memoryMegabytes: workerMegabytes,
      timeout: LONGEST,
    });
    this.commitPoint = this.add('commit-point', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CHUNK_INDEX_TABLE,
      } satisfies CommitPointEnv,
      statements: [
        ...readsVault(storage),
        ...writesVault(storage, ['packs/*', 'pages/*', 'points/*', 'audit/*']),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
        ...usesChunkIndex(storage),
      ],
      memoryMegabytes: workerMegabytes,
      timeout: LONGEST,
    });
    this.consolidatePoint = this.add('consolidate-point', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CHUNK_INDEX_TABLE,
      } satisfies ConsolidatePointEnv,
      statements: [
        ...readsVault(storage),
        ...writesVault(storage, ['containers/*', 'pages/*', 'points/*', 'audit/*']),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
        ...usesChunkIndex(storage),
      ],
      memoryMegabytes: workerMegabytes,
      timeout: LONGEST,
    });
    this.snapshotVolumes = this.add('snapshot-volumes', {
      environment: { WORK_BUCKET, CATALOG_TABLE } satisfies SnapshotVolumesEnv,
      statements: [
        describes('Instances', 'Volumes', 'Snapshots'),
        ...takesSnapshots(stack, config),
        ...usesWork(storage, ['runs/*']),
        ...usesCatalog(storage),
      ],
      timeout: LONGEST,
    });
    this.checkSnapshots = this.add('check-snapshots', {
      environment: { WORK_BUCKET, CATALOG_TABLE } satisfies CheckSnapshotsEnv,
      statements: [describes('Snapshots'), ...readsWork(storage, ['runs/*']), ...usesCatalog(storage)],
    });
    this.commitImage = this.add('commit-image', {
      environment: { ...vaultWriter, WORK_BUCKET, CATALOG_TABLE } satisfies CommitImageEnv,
      statements: [
        describes('Snapshots'),
        ...readsVault(storage),
        ...writesVault(storage, ['points/*', 'audit/*']),
        ...readsWork(storage, ['runs/*']),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 1024,
      timeout: LONGEST,
    });
    this.failRun = this.add('fail-run', {
      environment: { CATALOG_TABLE, METRICS_NAMESPACE } satisfies FailRunEnv,
      statements: [...usesCatalog(storage), ...putsMetrics(METRICS_NAMESPACE)],
    });
    this.reportCycle = this.add('report-cycle', {
      environment: { WORK_BUCKET, CATALOG_TABLE, METRICS_NAMESPACE } satisfies ReportCycleEnv,
      statements: [
        ...usesWork(storage, ['cycles/*']),
        ...readsCatalog(storage),
        ...putsMetrics(METRICS_NAMESPACE),
      ],
      memoryMegabytes: 512,
      timeout: Duration.minutes(5),
    });
    this.holdPoints = this.add('hold-points', {
      environment: { ...vaultWriter, CATALOG_TABLE } satisfies HoldPointsEnv,
      statements: [
        ...readsVault(storage),
        extendsLocks(storage),
        holdsPoints(storage),
        writesAuditLog(storage),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.countDeadLetters = this.add('count-dead-letters', {
      environment: {
        DEAD_LETTER_QUEUES: stack.toJsonString([deadLetters.queueUrl]),
        METRICS_NAMESPACE,
      } satisfies CountDeadLettersEnv,
      statements: [
        new PolicyStatement({
          sid: 'CountMessages',
          actions: ['sqs:GetQueueAttributes'],
          resources: [deadLetters.queueArn],
        }),
        ...putsMetrics(METRICS_NAMESPACE),
      ],
      deadLetters,
    });
  }

  /** Made apart from the others: it names the cycle machine, which names most of them. */
  addStartCycle(cycleMachineArn: string): PipelineFunction {
    const { configuration, deadLetters } = this.props;
    return this.add('start-cycle', {
      environment: {
        CONFIGURATION: configuration.url,
        CYCLE_MACHINE_ARN: cycleMachineArn,
      } satisfies StartCycleEnv,
      statements: [
        configuration.reads(),
        new PolicyStatement({
          sid: 'StartCycles',
          actions: ['states:StartExecution'],
          resources: [cycleMachineArn],
        }),
      ],
      deadLetters,
    });
  }

  /** Made apart, too: it looks at executions of all machines. */
  addCloseExecutions(
    machines: Readonly<Record<keyof typeof longestExecutionHours, StateMachine>>,
  ): PipelineFunction {
    const { storage, deadLetters } = this.props;
    const { CATALOG_TABLE, WORK_BUCKET, auditor } = storageVariables(this.props);
    const all = Object.values(machines);
    return this.add('close-executions', {
      environment: {
        ...auditor,
        WORK_BUCKET,
        CATALOG_TABLE,
        METRICS_NAMESPACE,
        MACHINES: Stack.of(this).toJsonString(
          Object.fromEntries(
            Object.entries(machines).map(([name, machine]) => [name, machine.stateMachineArn]),
          ),
        ),
      } satisfies CloseExecutionsEnv,
      statements: [
        ...readsSealed(storage),
        writesAuditLog(storage),
        ...usesWork(storage, ['executions/*']),
        ...usesCatalog(storage),
        ...putsMetrics(METRICS_NAMESPACE),
        new PolicyStatement({
          sid: 'ListExecutions',
          actions: ['states:ListExecutions'],
          resources: all.map((machine) => machine.stateMachineArn),
        }),
        new PolicyStatement({
          sid: 'LookAtExecutions',
          actions: ['states:DescribeExecution'],
          resources: all.map(executionsOf),
          conditions: accountOfArn,
        }),
      ],
      timeout: LONGEST,
      deadLetters,
    });
  }

  /** Made apart, too: it asks the maintenance machine when it last succeeded. */
  addCheckOverdue(maintenanceMachineArn: string): PipelineFunction {
    const { configuration, storage, deadLetters } = this.props;
    return this.add('check-overdue', {
      environment: {
        CONFIGURATION: configuration.url,
        CATALOG_TABLE: storage.catalog.tableName,
        METRICS_NAMESPACE,
        MAINTENANCE_MACHINE_ARN: maintenanceMachineArn,
      } satisfies CheckOverdueEnv,
      statements: [
        configuration.reads(),
        ...discoversSources(),
        ...usesCatalog(storage),
        ...putsMetrics(METRICS_NAMESPACE),
        new PolicyStatement({
          sid: 'LookAtMaintenance',
          actions: ['states:ListExecutions', 'states:DescribeStateMachine'],
          resources: [maintenanceMachineArn],
        }),
      ],
      timeout: LONGEST,
      deadLetters,
    });
  }
}
