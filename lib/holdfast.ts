import { Stack } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, type OnEventOptions } from 'aws-cdk-lib/aws-events';
import { Grant, type IGrantable, type IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { executionEnded } from './workflows/execution-watch.ts';
import { readsCatalog } from './vault/vault-access.ts';
import { checkDeployment } from './deployment-config.ts';
import { HoldfastMonitoring } from './holdfast-monitoring.ts';
import { HoldfastPipeline } from './holdfast-pipeline.ts';
import { flatNameOf, toDeployment } from './flat-settings.ts';
import type { HoldfastProps } from './holdfast-props.ts';
import { HoldfastStorage } from './holdfast-storage.ts';
import { METRICS_NAMESPACE } from './metrics.ts';

/**
 * Backs up tagged resources of the account and region that it is deployed into: an immutable, encrypted vault, the
 * workflows that fill it and restore from it, and alarms.
 *
 * Everything that holds backups is kept when the stack is deleted, and can be named as `existingVault` afterwards.
 */
export class Holdfast extends Construct {
  /** Holds the backups: versioned and locked. Complete by itself, together with `key`. */
  readonly vault: IBucket;
  /** Wraps the data keys of the vault; without it no backup can be read. */
  readonly key: IKey;
  /** Queryable record of what is in the vault. */
  readonly catalog: ITable;
  /** Record of where each chunk is stored. */
  readonly chunkIndex: ITable;
  /** Lists and results of executions; expire after 14 days. */
  readonly workBucket: IBucket;

  /** Watches, starts cycles and backups, stops runs. For people, with MFA, as are the other roles. */
  readonly operatorRole: IRole;
  /** Finds, compares and verifies what is in the vault, and starts restores. */
  readonly restorerRole: IRole;
  /** Sets and releases legal holds. */
  readonly holderRole: IRole;
  /** Reads the vault without Holdfast, and mends the policies of vault and key. */
  readonly breakGlassRole: IRole;

  /** Backs up all resources of a plan. Input: `{ "plan": name }`, optionally with a `type`. */
  readonly cycle: IStateMachine;
  /** Backs up one resource; cycles start it. */
  readonly protect: IStateMachine;
  /** Restores; its input is described in docs/restore.md. */
  readonly restore: IStateMachine;
  /** Sets and releases legal holds. */
  readonly hold: IStateMachine;
  /** Expires points, renews leases, sweeps packs and verifies a sample. */
  readonly maintenance: IStateMachine;

  /** Receives all alarms. */
  readonly topic: ITopic;

  /** @throws {@link DeploymentConfigError} the properties cannot be deployed; the message names each problem. */
  constructor(scope: Construct, id: string, props: HoldfastProps) {
    super(scope, id);
    // Whatever the application says: without it, distributed maps would put what their items report into the state.
    this.node.setContext(STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2, true);
    const config = checkDeployment(`Holdfast ${this.node.path}`, toDeployment(props), flatNameOf);
    const { storageScope, monitoringScope, handlerCode } = props;
    // Elsewhere the parts are called as this construct is.
    const storage =
      storageScope === undefined
        ? new HoldfastStorage(this, 'Storage', { config })
        : new HoldfastStorage(storageScope, id, { config });
    // "Default" leaves no trace in logical ids.
    const pipeline = new HoldfastPipeline(this, 'Default', { config, storage, handlerCode });
    const { cycle, protect, restore, hold, maintenance } = pipeline.machines;
    const watched = {
      email: config.notifications.email,
      storage,
      machines: { cycle, protect, restore, maintenance },
    };
    const monitoring =
      monitoringScope === undefined
        ? new HoldfastMonitoring(this, 'Monitoring', watched)
        : new HoldfastMonitoring(monitoringScope, id, watched);
    storage.people.letFind(Stack.of(monitoring));

    this.vault = storage.vault;
    this.key = storage.key;
    this.catalog = storage.catalog;
    this.chunkIndex = storage.chunkIndex;
    this.workBucket = storage.workBucket;
    this.operatorRole = storage.people.operator;
    this.restorerRole = storage.people.restorer;
    this.holderRole = storage.people.holder;
    this.breakGlassRole = storage.people.breakGlass;
    this.cycle = cycle;
    this.protect = protect;
    this.restore = restore;
    this.hold = hold;
    this.maintenance = maintenance;
    this.topic = monitoring.topic;
  }

  /** Allows starting cycles and backups of single resources, and following them. */
  grantBackUp(grantee: IGrantable): Grant {
    return grantExecutions(grantee, [this.cycle, this.protect]);
  }

  /** Allows starting restores, into the buckets that the properties name or into new volumes, and following them. */
  grantRestore(grantee: IGrantable): Grant {
    return grantExecutions(grantee, [this.restore]);
  }

  /** Allows setting and releasing legal holds. */
  grantHold(grantee: IGrantable): Grant {
    return grantExecutions(grantee, [this.hold]);
  }

  /** Allows reading the catalog: resources, points and runs. */
  grantReadCatalog(grantee: IGrantable): Grant {
    const grants = readsCatalog(this).map(({ actions, resources: resourceArns }) =>
      Grant.addToPrincipal({ grantee, actions, resourceArns }),
    );
    return combined(grants);
  }

  /**
   * One of Holdfast's own metrics, as docs/operations.md lists them; of all deployments in the account and region.
   * Statistic `Sum`, five minutes, unless the options say otherwise.
   */
  metric(metricName: string, options: MetricOptions = {}): Metric {
    return new Metric({ namespace: METRICS_NAMESPACE, metricName, statistic: 'Sum', ...options });
  }

  /** Cycles that ended without protecting every resource of their plan, and runs that failed. */
  metricCycleFailures(options?: MetricOptions): Metric {
    return this.metric('CycleFailures', options);
  }

  /** Resources without a point as recent as their plan promises, counted daily. */
  metricOverdueResources(options?: MetricOptions): Metric {
    return this.metric('OverdueResources', { statistic: 'Maximum', ...options });
  }

  /** Restores that did not write everything that was asked for. */
  metricRestoreFailures(options?: MetricOptions): Metric {
    return this.metric('RestoreFailures', options);
  }

  /** Bytes that were added to the vault. */
  metricStoredBytes(options?: MetricOptions): Metric {
    return this.metric('StoredBytes', options);
  }

  /** Matches cycles that ended, however they did: EventBridge's "Step Functions Execution Status Change". */
  onCycleEnded(id: string, options?: OnEventOptions): Rule {
    return this.onEnded(id, this.cycle, options);
  }

  /** Matches restores that ended, however they did: EventBridge's "Step Functions Execution Status Change". */
  onRestoreEnded(id: string, options?: OnEventOptions): Rule {
    return this.onEnded(id, this.restore, options);
  }

  private onEnded(id: string, machine: IStateMachine, options: OnEventOptions = {}): Rule {
    const { target, eventPattern, crossStackScope, ...rest } = options;
    const rule = new Rule(crossStackScope ?? this, id, {
      ...rest,
      eventPattern: executionEnded([machine], ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
      targets: target === undefined ? [] : [target],
    });
    if (eventPattern !== undefined) rule.addEventPattern(eventPattern);
    return rule;
  }
}

function grantExecutions(grantee: IGrantable, machines: readonly IStateMachine[]): Grant {
  return combined(
    machines.flatMap((machine) => [
      machine.grantStartExecution(grantee),
      machine.grantExecution(grantee, 'states:DescribeExecution', 'states:GetExecutionHistory'),
    ]),
  );
}

function combined(grants: readonly Grant[]): Grant {
  return grants.reduce((all, grant) => all.combine(grant));
}
