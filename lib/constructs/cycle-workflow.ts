import { Aws, Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  Choice,
  Condition,
  Fail,
  IntegrationPattern,
  JsonPath,
  Pass,
  TaskInput,
  Timeout,
  type DistributedMap,
  type IChainable,
  type StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { PipelineFunctions } from './pipeline-functions.ts';
import { accountOfArn } from './vault-access.ts';
import { WHEN_NOT_STARTED } from './retries.ts';
import { ERROR_PATH, Workflow, type WorkflowProps } from './workflow.ts';

/** As many as a list can have: every item's failure is caught and counted by the report. */
const ALL_ITEMS = 100_000_000;

/** Properties of {@link CycleWorkflow}. */
export interface CycleWorkflowProps extends Omit<WorkflowProps, 'workPrefixes'> {
  readonly steps: Pick<
    PipelineFunctions,
    'recordConfiguration' | 'discoverResources' | 'reportCycle' | 'failRun'
  >;
  /** Protects one resource. */
  readonly protect: StateMachine;
  readonly resourcesAtOnce: number;
}

/**
 * One due time of one plan rule: puts a changed configuration on record, finds the plan's resources, protects each,
 * reports; fails if one of them did.
 */
export class CycleWorkflow extends Workflow {
  readonly stateMachine: StateMachine;
  private readonly props: CycleWorkflowProps;

  constructor(scope: Construct, id: string, props: CycleWorkflowProps) {
    super(scope, id, { ...props, workPrefixes: ['cycles/*'] });
    this.props = props;
    const { protect } = props;
    this.stateMachine = this.machine('Cycle', this.definition(), [
      new PolicyStatement({
        sid: 'StartRuns',
        actions: ['states:StartExecution'],
        resources: [protect.stateMachineArn],
      }),
      new PolicyStatement({
        sid: 'FollowRuns',
        actions: ['states:DescribeExecution', 'states:StopExecution'],
        resources: [
          `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:execution:${protect.stateMachineName}:*`,
        ],
        conditions: accountOfArn,
      }),
      // How Step Functions learns that an execution it waits for has ended.
      new PolicyStatement({
        sid: 'HearOfRuns',
        actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        resources: [
          `arn:${Aws.PARTITION}:events:${Aws.REGION}:${Aws.ACCOUNT_ID}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`,
        ],
      }),
    ]);
  }

  private definition(): IChainable {
    const { recordConfiguration, discoverResources, reportCycle, failRun } = this.props.steps;
    const record = this.step('RecordConfiguration', {
      function: recordConfiguration,
      payload: {},
      resultPath: JsonPath.DISCARD,
    });
    const discover = this.step('DiscoverResources', {
      function: discoverResources,
      resultPath: '$.discovery',
    });
    const report = this.step('ReportCycle', { function: reportCycle, resultPath: '$.report' });

    const giveUp = this.step('FailCycle', { function: failRun });
    const failed = this.failed('CycleFailed');
    this.catching([giveUp], failed);
    giveUp.next(failed);
    // Reported already: a second failure of the same cycle would only be counted twice.
    report.addCatch(this.failed('ResourcesFailed'), { errors: ['CycleFailedError'], resultPath: ERROR_PATH });
    const protectResources = this.protectResources(report);
    this.catching([record, discover, protectResources, report], giveUp);

    return this.accept(
      record
        .next(discover)
        .next(
          new Choice(this, 'AnyResource', { stateName: 'AnyResource' })
            .when(Condition.numberEquals('$.discovery.resources.count', 0), report)
            .otherwise(protectResources),
        ),
    );
  }

  /** A person who starts a cycle has to name its plan, and may name the rest, of which start-cycle names all. */
  private accept(first: IChainable): IChainable {
    const read = new Pass(this, 'Accept', {
      stateName: 'Accept',
      parameters: {
        byHand: {
          type: 'incremental',
          scheduledAt: JsonPath.executionStartTime,
          cycleId: JsonPath.executionName,
        },
        input: JsonPath.entirePayload,
      },
    });
    const complete = new Pass(this, 'Complete', {
      stateName: 'Complete',
      parameters: { cycle: JsonPath.jsonMerge(JsonPath.objectAt('$.byHand'), JsonPath.objectAt('$.input')) },
      outputPath: '$.cycle',
    });
    const planMissing = new Fail(this, 'PlanMissing', {
      stateName: 'PlanMissing',
      error: 'InvalidInputError',
      cause:
        'say which plan, as in {"plan": "daily"}; beside it "type" may say full, incremental, differential or ' +
        'synthetic-full (without it: incremental, which is a full where there is nothing to go on from)',
    });
    return read
      .next(complete)
      .next(
        new Choice(this, 'HasPlan', { stateName: 'HasPlan' })
          .when(Condition.and(Condition.isPresent('$.plan'), Condition.isString('$.plan')), first)
          .otherwise(planMissing),
      );
  }

  private protectResources(report: IChainable): DistributedMap {
    const { protect, resourcesAtOnce } = this.props;
    const run = new StepFunctionsStartExecution(this, 'ProtectResource', {
      stateName: 'ProtectResource',
      stateMachine: protect,
      integrationPattern: IntegrationPattern.RUN_JOB,
      associateWithParent: true,
      name: JsonPath.stringAt('$.runId'),
      input: TaskInput.fromObject({
        resourceArn: JsonPath.stringAt('$.resourceArn'),
        kind: JsonPath.stringAt('$.kind'),
        plan: JsonPath.stringAt('$.plan'),
        type: JsonPath.stringAt('$.type'),
        runId: JsonPath.stringAt('$.runId'),
      }),
      // Working files of a run are kept for 14 days.
      taskTimeout: Timeout.duration(Duration.days(10)),
      resultPath: JsonPath.DISCARD,
    });
    run.addRetry(WHEN_NOT_STARTED);
    // The run has closed itself as failed, or was never opened: the report finds both in the catalog.
    this.catching([run], new Pass(this, 'LeaveToReport', { stateName: 'LeaveToReport' }));
    return this.fanOut('ProtectResources', {
      list: '$.discovery.resources',
      reportFolder: 'cycles',
      itemSelector: {
        resourceArn: itemAt('resourceArn'),
        kind: itemAt('kind'),
        runId: itemAt('runId'),
        plan: JsonPath.stringAt('$.plan'),
        type: JsonPath.stringAt('$.type'),
      },
      atOnce: resourcesAtOnce,
      toleratedFailures: ALL_ITEMS,
      steps: run,
      next: report,
    });
  }
}

function itemAt(field: string): string {
  return JsonPath.stringAt(`$$.Map.Item.Value.${field}`);
}
