import { type MachineName, mostBlockWorkers, workersOfSnapshot } from '@holdfast/engine/model';
import { Annotations, CfnOutput, Duration, Lazy, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { constructIdOf } from './functions/construct-id.ts';
import { CheckWorkflow } from './workflows/check-workflow.ts';
import { ConfigurationObject } from './functions/configuration-object.ts';
import { CycleWorkflow } from './workflows/cycle-workflow.ts';
import { allow, ExactPolicy } from './functions/exact-policy.ts';
import { ExecutionWatch } from './workflows/execution-watch.ts';
import { executionsOf, mapRunsOf } from './workflows/executions-of.ts';
import { accountOfArn } from './vault/vault-access.ts';
import { HoldWorkflow } from './workflows/hold-workflow.ts';
import { MaintenanceWorkflow } from './workflows/maintenance-workflow.ts';
import { PlanSchedules } from './workflows/plan-schedules.ts';
import { ProtectWorkflow } from './workflows/protect-workflow.ts';
import { RestoreWorkflow } from './workflows/restore-workflow.ts';
import { cycleSteps } from '../lambdas/cycle/steps.ts';
import { holdSteps } from '../lambdas/hold/steps.ts';
import { imageSteps } from '../lambdas/image/steps.ts';
import { maintenanceSteps } from '../lambdas/maintenance/steps.ts';
import { protectSteps } from '../lambdas/protect/steps.ts';
import { restoreSteps } from '../lambdas/restore/steps.ts';
import { watchSteps } from '../lambdas/watch/steps.ts';
import type { DeploymentConfig } from './deployment-config.ts';
import { bundleHandlers } from './functions/handler-bundle.ts';
import { makeStepFunctions, type StepFunctionsProps } from './functions/step-functions.ts';
import type { MachineReference } from './functions/step-rights.ts';
import type { PeopleRoles } from './vault/people-roles.ts';
import type { HoldfastStorage } from './holdfast-storage.ts';

export interface HoldfastPipelineProps {
  readonly config: DeploymentConfig;
  readonly storage: HoldfastStorage;
  /** The handlers of all functions. @default bundled by esbuild out of this checkout */
  readonly handlerCode?: Code;
}

/** Maintenance is in no hurry, and takes no more of the account's concurrency than this. */
const mostPartitionsAtOnce = 4;

/** A volume out of a snapshot can be used within minutes, whatever its size, and somebody waits for it. */
const mostVolumePollSeconds = 15;

/** Functions, state machines and schedules that move data. They hold nothing that could not be deployed anew. */
export class HoldfastPipeline extends Construct {
  readonly machines: Readonly<Record<MachineName, StateMachine>>;

  constructor(scope: Construct, id: string, props: HoldfastPipelineProps) {
    super(scope, id);
    const { config, storage, handlerCode } = props;
    const deadLetters = this.makeDeadLetters();
    const configuration = new ConfigurationObject(this, 'Configuration', config);
    const steps = this.makeSteps({
      config,
      configuration,
      storage,
      deadLetters,
      machines: this.machineReferences(),
      vaultRoles: storage.vaultRoles,
      code: handlerCode ?? bundleHandlers(this),
    });
    this.describe(config, configuration);
    this.machines = this.makeMachines(props, steps);
    for (const [name, machine] of Object.entries(this.machines))
      void new CfnOutput(this, `${constructIdOf(name)}MachineArn`, { value: machine.stateMachineArn });
    const closeExecutions = steps['close-executions'].function;
    const machines = Object.values(this.machines);
    void new ExecutionWatch(this, 'ExecutionWatch', { machines, closeExecutions });
    void new PlanSchedules(this, 'Schedules', {
      plans: config.plans,
      startCycle: steps['start-cycle'].function,
      check: this.machines.check,
      maintenance: { ...config.maintenance, machine: this.machines.maintenance },
      closeExecutions,
      countDeadLetters: steps['count-dead-letters'].function,
      deadLetters,
    });
    this.letPeople(storage.people, configuration.reads());
  }

  private makeMachines(
    { config, storage: { workBucket } }: HoldfastPipelineProps,
    steps: ReturnType<HoldfastPipeline['makeSteps']>,
  ): Readonly<Record<MachineName, StateMachine>> {
    const { resourcesAtOnce, shardsAtOnce, snapshotPollSeconds } = config;
    const common = { steps, workBucket };
    const workers = resourcesAtOnce * shardsAtOnce;
    const volumePollSeconds = Math.min(mostVolumePollSeconds, snapshotPollSeconds);
    const partitionsAtOnce = Math.min(mostPartitionsAtOnce, workers);
    const blockWorkers = Math.min(workers, mostBlockWorkers);
    // Each as fast as the quota of its snapshots lets it, rather than many that are slow.
    const imagesAtOnce = Math.max(1, Math.min(resourcesAtOnce, Math.floor(blockWorkers / workersOfSnapshot)));
    const blockShardsAtOnce = Math.floor(blockWorkers / imagesAtOnce);
    const imageProps = { snapshotPollSeconds, imagesAtOnce, blockShardsAtOnce };
    const protectProps = { ...common, shardsAtOnce, ...imageProps };
    const { stateMachine: protect } = new ProtectWorkflow(this, 'Protect', protectProps);
    const restoreProps = { ...common, shardsAtOnce: workers, volumePollSeconds };
    return {
      cycle: new CycleWorkflow(this, 'Cycle', { ...common, resourcesAtOnce, protect }).stateMachine,
      protect,
      restore: new RestoreWorkflow(this, 'Restore', restoreProps).stateMachine,
      hold: new HoldWorkflow(this, 'Hold', common).stateMachine,
      maintenance: new MaintenanceWorkflow(this, 'Maintenance', { ...common, partitionsAtOnce }).stateMachine,
      check: new CheckWorkflow(this, 'Check', common).stateMachine,
    };
  }

  private makeSteps(world: StepFunctionsProps) {
    const functions = new Construct(this, 'Functions');
    const restoreFunctions = new Construct(this, 'RestoreFunctions');
    const maintenanceFunctions = new Construct(this, 'MaintenanceFunctions');
    return {
      ...makeStepFunctions(functions, 'cycle', cycleSteps, world),
      ...makeStepFunctions(functions, 'protect', protectSteps, world),
      ...makeStepFunctions(functions, 'image', imageSteps, world),
      ...makeStepFunctions(functions, 'hold', holdSteps, world),
      ...makeStepFunctions(functions, 'watch', watchSteps, world),
      ...makeStepFunctions(restoreFunctions, 'restore', restoreSteps, world),
      ...makeStepFunctions(maintenanceFunctions, 'maintenance', maintenanceSteps, world),
    };
  }

  private describe(config: DeploymentConfig, configuration: ConfigurationObject): void {
    if (config.restoreTargets.buckets.length === 0) {
      Annotations.of(this).addInfoV2(
        'holdfast:noRestoreTarget',
        'restores into buckets, also into the original ones, are refused: restoreTargets.buckets of the plans file, or restoreBuckets of the construct, names none',
      );
    }
    void new CfnOutput(this, 'ConfigurationUrl', {
      value: configuration.url,
      description: 'What the functions know of the plans and their limits',
    });
  }

  /** References by which functions are told of machines that are made after them. */
  private machineReferences(): Readonly<Record<MachineName, MachineReference>> {
    return {
      cycle: this.referTo('cycle'),
      protect: this.referTo('protect'),
      restore: this.referTo('restore'),
      hold: this.referTo('hold'),
      maintenance: this.referTo('maintenance'),
      check: this.referTo('check'),
    };
  }

  private referTo(name: MachineName): MachineReference {
    return {
      arn: Lazy.string({ produce: () => this.machines[name].stateMachineArn }),
      executions: Lazy.string({ produce: () => executionsOf(this.machines[name]) }),
    };
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

  private letPeople(people: PeopleRoles, reads: PolicyStatement): void {
    people.letFind(Stack.of(this));
    const { cycle, protect, restore, hold, maintenance, check } = this.machines;
    const started = [cycle, protect, maintenance, check];
    this.letStart('Operator', people.operator, reads, started, [cycle, protect, restore, maintenance, check]);
    this.letStart('Restorer', people.restorer, reads, [restore]);
    this.letStart('Holder', people.holder, reads, [hold]);
    // It reads what there is, and starts nothing.
    void new ExactPolicy(this, 'BreakGlassConfiguration', { role: people.breakGlass, statements: [reads] });
  }

  private letStart(
    name: string,
    role: Role,
    readsConfiguration: PolicyStatement,
    start: readonly StateMachine[],
    stop: readonly StateMachine[] = start,
  ): void {
    void new ExactPolicy(this, `${name}Machines`, {
      role,
      statements: [
        readsConfiguration,
        allow(
          'StartMachines',
          ['states:StartExecution'],
          start.map((machine) => machine.stateMachineArn),
        ),
        allow(
          'ListExecutions',
          ['states:ListExecutions', 'states:DescribeStateMachine'],
          stop.map((machine) => machine.stateMachineArn),
        ),
        allow(
          'FollowExecutions',
          [
            'states:DescribeExecution',
            'states:GetExecutionHistory',
            'states:StopExecution',
            'states:ListMapRuns',
          ],
          stop.map(executionsOf),
          accountOfArn,
        ),
        allow('SeeProgress', ['states:DescribeMapRun'], stop.map(mapRunsOf), accountOfArn),
      ],
    });
  }
}
