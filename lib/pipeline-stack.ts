import {
  Annotations,
  CfnOutput,
  Duration,
  RemovalPolicy,
  Stack,
  type StackProps,
  Validations,
} from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { ConfigurationObject } from './constructs/configuration-object.ts';
import { CycleWorkflow } from './constructs/cycle-workflow.ts';
import { ExactPolicy } from './constructs/exact-policy.ts';
import { ExecutionWatch } from './constructs/execution-watch.ts';
import { executionsOf } from './constructs/executions-of.ts';
import { accountOfArn } from './constructs/vault-access.ts';
import { HoldWorkflow } from './constructs/hold-workflow.ts';
import { MaintenanceFunctions } from './constructs/maintenance-functions.ts';
import { MaintenanceWorkflow } from './constructs/maintenance-workflow.ts';
import { PipelineFunctions } from './constructs/pipeline-functions.ts';
import { PlanSchedules } from './constructs/plan-schedules.ts';
import { ProtectWorkflow } from './constructs/protect-workflow.ts';
import { RestoreFunctions } from './constructs/restore-functions.ts';
import { RestoreWorkflow } from './constructs/restore-workflow.ts';
import type { DeploymentConfig } from './deployment-config.ts';
import type { StorageStack } from './storage-stack.ts';

/** Properties of {@link PipelineStack}. */
export interface PipelineStackProps extends StackProps {
  readonly config: DeploymentConfig;
  readonly storage: StorageStack;
  /** One bundle for all functions, for tests of the template. @default each function's own, made by esbuild */
  readonly handlerCode?: Code;
}

/** Maintenance is in no hurry, and takes no more of the account's concurrency than this. */
const mostPartitionsAtOnce = 4;

/** A volume out of a snapshot can be used within minutes, whatever its size, and somebody waits for it. */
const mostVolumePollSeconds = 15;

/** What moves data: functions, state machines and schedules. Holds nothing that could not be deployed anew. */
export class PipelineStack extends Stack {
  readonly cycle: StateMachine;
  readonly protect: StateMachine;
  readonly restore: StateMachine;
  readonly hold: StateMachine;
  readonly maintenance: StateMachine;

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, { description: 'Holdfast: functions, workflows and schedules', ...props });
    const { config, storage, handlerCode } = props;
    const { workBucket } = storage;
    const deadLetters = this.makeDeadLetters();
    const configuration = new ConfigurationObject(this, 'Configuration', config);
    const group = {
      config,
      configuration,
      storage,
      vaultRoles: storage.vaultRoles,
      ...(handlerCode === undefined ? {} : { handlerCode }),
    };
    const functions = new PipelineFunctions(this, 'Functions', { ...group, deadLetters });

    if (config.restoreTargets.buckets.length === 0) {
      Annotations.of(this).addInfoV2(
        'holdfast:noRestoreTarget',
        'restores into buckets, also into the original ones, are refused: restoreTargets.buckets in lib/plans.ts names none',
      );
    }
    void new CfnOutput(this, 'ConfigurationUrl', {
      value: configuration.url,
      description: 'What the functions know of the plans and their limits',
    });
    const { resourcesAtOnce, shardsAtOnce, snapshotPollSeconds } = config;
    this.protect = new ProtectWorkflow(this, 'Protect', {
      steps: functions,
      workBucket,
      shardsAtOnce,
      snapshotPollSeconds,
    }).stateMachine;
    this.cycle = new CycleWorkflow(this, 'Cycle', {
      steps: functions,
      workBucket,
      resourcesAtOnce,
      protect: this.protect,
    }).stateMachine;
    this.restore = new RestoreWorkflow(this, 'Restore', {
      steps: new RestoreFunctions(this, 'RestoreFunctions', group),
      workBucket,
      shardsAtOnce: resourcesAtOnce * shardsAtOnce,
      volumePollSeconds: Math.min(mostVolumePollSeconds, snapshotPollSeconds),
    }).stateMachine;

    this.hold = new HoldWorkflow(this, 'Hold', { steps: functions, workBucket }).stateMachine;
    this.maintenance = new MaintenanceWorkflow(this, 'Maintenance', {
      steps: new MaintenanceFunctions(this, 'MaintenanceFunctions', { ...group, protect: this.protect }),
      recordConfiguration: functions.recordConfiguration,
      workBucket,
      partitionsAtOnce: Math.min(mostPartitionsAtOnce, resourcesAtOnce * shardsAtOnce),
    }).stateMachine;

    const startCycle = functions.addStartCycle(this.cycle.stateMachineArn);
    const { cycle, protect, restore, hold, maintenance } = this;
    const machines = { cycle, protect, restore, hold, maintenance };
    const closeExecutions = functions.addCloseExecutions(machines).function;
    void new ExecutionWatch(this, 'ExecutionWatch', { machines: Object.values(machines), closeExecutions });
    void new PlanSchedules(this, 'Schedules', {
      plans: config.plans,
      startCycle: startCycle.function,
      checkOverdue: functions.addCheckOverdue(this.maintenance.stateMachineArn).function,
      maintenance: { ...config.maintenance, machine: this.maintenance },
      closeExecutions,
      countDeadLetters: functions.countDeadLetters.function,
      deadLetters,
    });
    const { operator, restorer, holder, breakGlass } = storage.people;
    const reads = configuration.reads();
    this.letPeople(
      'Operator',
      operator,
      reads,
      [this.cycle, this.protect, this.maintenance],
      [this.cycle, this.protect, this.restore, this.maintenance],
    );
    this.letPeople('Restorer', restorer, reads, [this.restore], [this.restore]);
    this.letPeople('Holder', holder, reads, [this.hold], [this.hold]);
    // It reads what there is, and starts nothing.
    void new ExactPolicy(this, 'BreakGlassConfiguration', { role: breakGlass, statements: [reads] });
  }

  private makeDeadLetters(): Queue {
    const queue = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'it is the dead-letter queue itself',
    });
    return queue;
  }

  private letPeople(
    name: string,
    role: Role,
    readsConfiguration: PolicyStatement,
    start: readonly StateMachine[],
    stop: readonly StateMachine[],
  ): void {
    const executions = stop.map(executionsOf);
    void new ExactPolicy(this, `${name}Machines`, {
      role,
      statements: [
        readsConfiguration,
        new PolicyStatement({
          sid: 'StartMachines',
          actions: ['states:StartExecution'],
          resources: start.map((machine) => machine.stateMachineArn),
        }),
        new PolicyStatement({
          sid: 'ListExecutions',
          actions: ['states:ListExecutions', 'states:DescribeStateMachine'],
          resources: stop.map((machine) => machine.stateMachineArn),
        }),
        new PolicyStatement({
          sid: 'FollowExecutions',
          actions: [
            'states:DescribeExecution',
            'states:GetExecutionHistory',
            'states:StopExecution',
            'states:ListMapRuns',
          ],
          resources: executions,
          conditions: accountOfArn,
        }),
      ],
    });
  }
}
