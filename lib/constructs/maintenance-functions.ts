import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { workerMegabytes } from '@holdfast/engine/model';
import type { Construct } from 'constructs';
import type { EnvInput as ExpirePointsEnv } from '../../lambdas/expire-points/env.ts';
import type { EnvInput as PlanMaintenanceEnv } from '../../lambdas/plan-maintenance/env.ts';
import type { EnvInput as ReconcileHoldsEnv } from '../../lambdas/reconcile-holds/env.ts';
import type { EnvInput as ReconcilePointsEnv } from '../../lambdas/reconcile-points/env.ts';
import type { EnvInput as RenewLeasesEnv } from '../../lambdas/renew-leases/env.ts';
import type { EnvInput as ReportMaintenanceEnv } from '../../lambdas/report-maintenance/env.ts';
import type { EnvInput as StartContainersEnv } from '../../lambdas/start-containers/env.ts';
import type { EnvInput as SweepPacksEnv } from '../../lambdas/sweep-packs/env.ts';
import type { EnvInput as SweepSnapshotsEnv } from '../../lambdas/sweep-snapshots/env.ts';
import type { EnvInput as VerifySampleEnv } from '../../lambdas/verify-sample/env.ts';
import type { EnvInput as WriteCheckpointEnv } from '../../lambdas/write-checkpoint/env.ts';
import { METRICS_NAMESPACE } from '../metrics.ts';
import { FunctionGroup, LONGEST, storageVariables, type FunctionGroupProps } from './function-group.ts';
import type { PipelineFunction } from './pipeline-function.ts';
import { describes, removesSnapshots } from './source-access.ts';
import {
  extendsLocks,
  forgetsChunks,
  listsVault,
  putsMetrics,
  readsSealed,
  readsVault,
  removesVersions,
  seesHolds,
  usesCatalog,
  usesWork,
  holdsPoints,
  readsCatalog,
  readsWork,
  writesAuditLog,
} from './vault-access.ts';

/** Properties of {@link MaintenanceFunctions}. */
export interface MaintenanceFunctionsProps extends FunctionGroupProps {
  /** Makes containers of points that are kept for long. */
  readonly protect: IStateMachine;
}

/** Where an execution keeps its lists. */
const WORK = ['maintenance/*'];

/** The functions of maintenance: what each is told, and what each may do. Two of them may delete from the vault. */
export class MaintenanceFunctions extends FunctionGroup {
  readonly plan: PipelineFunction;
  readonly reconcilePoints: PipelineFunction;
  readonly renewLeases: PipelineFunction;
  readonly expirePoints: PipelineFunction;
  readonly sweepPacks: PipelineFunction;
  readonly sweepSnapshots: PipelineFunction;
  readonly verifySample: PipelineFunction;
  readonly reconcileHolds: PipelineFunction;
  readonly startContainers: PipelineFunction;
  readonly writeCheckpoint: PipelineFunction;
  readonly report: PipelineFunction;

  constructor(scope: Construct, id: string, props: MaintenanceFunctionsProps) {
    super(scope, id, props);
    const { configuration, storage } = props;
    const stack = Stack.of(this);
    const { CATALOG_TABLE, CHUNK_INDEX_TABLE, WORK_BUCKET, auditor, vaultBucket, vaultReader, vaultWriter } =
      storageVariables(props);

    this.plan = this.add('plan-maintenance', {
      environment: { ...vaultBucket, WORK_BUCKET, CATALOG_TABLE } satisfies PlanMaintenanceEnv,
      statements: [listsVault(storage), ...usesWork(storage, WORK), ...readsCatalog(storage)],
      timeout: LONGEST,
    });
    this.reconcilePoints = this.add('reconcile-points', {
      environment: { ...vaultReader, CATALOG_TABLE } satisfies ReconcilePointsEnv,
      statements: [...readsVault(storage), seesHolds(storage, ['points/*']), ...usesCatalog(storage)],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.renewLeases = this.add('renew-leases', {
      environment: {
        ...vaultWriter,
        WORK_BUCKET,
        CATALOG_TABLE,
        CONFIGURATION: configuration.url,
      } satisfies RenewLeasesEnv,
      statements: [
        configuration.reads(),
        ...readsVault(storage),
        extendsLocks(storage),
        writesAuditLog(storage),
        ...readsWork(storage, WORK),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 1024,
      timeout: LONGEST,
    });
    this.expirePoints = this.add('expire-points', {
      environment: { ...auditor, CATALOG_TABLE } satisfies ExpirePointsEnv,
      statements: [
        writesAuditLog(storage),
        ...readsSealed(storage),
        ...removesVersions(storage, ['points/*']),
        describes('Snapshots'),
        removesSnapshots(stack),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.sweepPacks = this.add('sweep-packs', {
      environment: {
        ...vaultReader,
        CATALOG_TABLE,
        CHUNK_INDEX_TABLE,
      } satisfies SweepPacksEnv,
      statements: [
        ...readsVault(storage),
        ...removesVersions(storage, ['packs/*', 'pages/*', 'containers/*']),
        ...usesCatalog(storage),
        forgetsChunks(storage),
      ],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.sweepSnapshots = this.add('sweep-snapshots', {
      environment: { CATALOG_TABLE } satisfies SweepSnapshotsEnv,
      statements: [describes('Snapshots'), removesSnapshots(stack), ...usesCatalog(storage)],
      timeout: LONGEST,
    });
    this.verifySample = this.add('verify-sample', {
      environment: { ...vaultReader, CATALOG_TABLE } satisfies VerifySampleEnv,
      statements: [...readsVault(storage), ...usesCatalog(storage)],
      memoryMegabytes: workerMegabytes,
      timeout: LONGEST,
    });
    this.reconcileHolds = this.add('reconcile-holds', {
      environment: { ...vaultWriter, CATALOG_TABLE } satisfies ReconcileHoldsEnv,
      statements: [
        ...readsVault(storage),
        extendsLocks(storage),
        holdsPoints(storage),
        ...usesCatalog(storage),
      ],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.startContainers = this.add('start-containers', {
      environment: {
        ...vaultBucket,
        WORK_BUCKET,
        CATALOG_TABLE,
        CONFIGURATION: configuration.url,
        PROTECT_MACHINE_ARN: props.protect.stateMachineArn,
      } satisfies StartContainersEnv,
      statements: [
        configuration.reads(),
        listsVault(storage),
        ...readsWork(storage, WORK),
        ...readsCatalog(storage),
        new PolicyStatement({
          sid: 'StartRuns',
          actions: ['states:StartExecution'],
          resources: [props.protect.stateMachineArn],
        }),
      ],
      timeout: LONGEST,
    });
    this.writeCheckpoint = this.add('write-checkpoint', {
      environment: { ...auditor, WORK_BUCKET } satisfies WriteCheckpointEnv,
      statements: [...readsSealed(storage), writesAuditLog(storage), ...usesWork(storage, WORK)],
      memoryMegabytes: 512,
      timeout: LONGEST,
    });
    this.report = this.add('report-maintenance', {
      environment: { METRICS_NAMESPACE } satisfies ReportMaintenanceEnv,
      statements: [...putsMetrics(METRICS_NAMESPACE)],
    });
  }
}
