import { Aws, Duration, Validations } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  DefinitionBody,
  DistributedMap,
  Errors,
  Choice,
  Condition,
  Fail,
  IntegrationPattern,
  JsonPath,
  type Parallel,
  Pass,
  Result,
  ResultWriterV2,
  S3JsonItemReader,
  StateMachine,
  StateMachineType,
  TaskInput,
  Timeout,
  type Chain,
  type IChainable,
  type TaskStateBase,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { type MachineName, safety, unreportedError } from '@holdfast/engine/model';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { allow, ExactPolicy } from '../functions/exact-policy.ts';
import type { PipelineFunction } from '../functions/pipeline-function.ts';
import { executionsOf } from './executions-of.ts';
import {
  WHEN_CUT_OFF,
  WHEN_LIST_IS_NOT_READ,
  WHEN_NOT_STARTED,
  WHEN_THROTTLED,
  WHEN_UNAVAILABLE,
} from './retries.ts';
import { accountOfArn, usesWork } from '../vault/vault-access.ts';

/** Place of a caught error: `{ Error, Cause }`. */
export const ERROR_PATH = '$.error';

export interface StepState {
  readonly function: PipelineFunction;
  /** Texts that begin with `$.` or `$$.` are paths. @default the state's whole input */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** The part of the answer that is kept; paths begin at the answer. @default all of it */
  readonly resultSelector?: Readonly<Record<string, unknown>>;
  /** Path that the answer is put at. @default it is dropped, the state stays as it was */
  readonly resultPath?: string;
}

/** A distributed map over a list that a step wrote into the work bucket. */
export interface FanOut {
  /** Path of `{ key }` in the state. */
  readonly list: string;
  /** Folder of the work bucket that Step Functions reports the items' executions into, by the execution's name. */
  readonly reportFolder: string;
  readonly itemSelector: Readonly<Record<string, unknown>>;
  readonly atOnce: number;
  readonly steps: IChainable;
  /** Items that may fail. @default none: the first one ends the map */
  readonly toleratedFailures?: number;
  /** The state after the map. It has to look itself at what the items left: their report may be missing. */
  readonly next: IChainable;
}

export interface WorkflowProps {
  readonly workBucket: IBucket;
}

/**
 * A state machine and what all of the pipeline's have in common: steps with their retries, maps over lists in S3, and a
 * role with exactly the functions that are called. Standard workflows, JSONPath.
 */
export abstract class Workflow<Props extends WorkflowProps> extends Construct {
  protected readonly props: Props;
  private readonly called = new Set<PipelineFunction>();
  private readonly awaited = new Set<StateMachine>();

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    this.props = props;
  }

  /** Keeps what the execution was asked for, and its own id. */
  protected acceptRequest(): Pass {
    const parameters = { request: JsonPath.entirePayload, execution: JsonPath.executionId };
    return new Pass(this, 'Accept', { parameters });
  }

  /** The answer that a loop's first turn finds at a path. A result, because CDK leaves out what is null in parameters. */
  protected begin(id: string, resultPath: string, answer: object = { state: null }): Pass {
    return new Pass(this, id, { result: Result.fromObject(answer), resultPath });
  }

  protected whenDone(id: string, resultPath: string, next: IChainable, otherwise: IChainable): Choice {
    return new Choice(this, id)
      .when(Condition.booleanEquals(`${resultPath}.done`, true), next)
      .otherwise(otherwise);
  }

  protected unlessDone(id: string, resultPath: string, again: IChainable, next: IChainable): Choice {
    return new Choice(this, id)
      .when(Condition.booleanEquals(`${resultPath}.done`, false), again)
      .otherwise(next);
  }

  protected step(id: string, step: StepState): LambdaInvoke {
    this.called.add(step.function);
    const state = new LambdaInvoke(this, id, {
      lambdaFunction: step.function.function,
      payloadResponseOnly: true,
      retryOnServiceExceptions: false,
      // The function's own limit ends it; this one is for an answer that never comes.
      taskTimeout: Timeout.duration(step.function.timeout.plus(Duration.seconds(30))),
      resultPath: step.resultPath ?? JsonPath.DISCARD,
      payload: step.payload && TaskInput.fromObject(withPaths(step.payload)),
      resultSelector: step.resultSelector && withPaths(step.resultSelector),
    });
    state.addRetry(WHEN_THROTTLED).addRetry(WHEN_UNAVAILABLE).addRetry(WHEN_CUT_OFF);
    return state;
  }

  /** An execution of another machine, waited for until it has ended. */
  protected execution(
    id: string,
    machine: StateMachine,
    call: {
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly longest: Duration;
    },
  ): StepFunctionsStartExecution {
    this.awaited.add(machine);
    const state = new StepFunctionsStartExecution(this, id, {
      stateMachine: machine,
      integrationPattern: IntegrationPattern.RUN_JOB,
      associateWithParent: true,
      name: call.name,
      input: TaskInput.fromObject(withPaths(call.input)),
      taskTimeout: Timeout.duration(call.longest),
      resultPath: JsonPath.DISCARD,
    });
    state.addRetry(WHEN_NOT_STARTED);
    return state;
  }

  /** Goes on with another step after an error that retries did not help against. */
  protected catching(
    states: readonly (TaskStateBase | DistributedMap | Parallel)[],
    handler: IChainable,
  ): void {
    for (const state of states) state.addCatch(handler, { errors: [Errors.ALL], resultPath: ERROR_PATH });
  }

  /** Has a step record the error that was caught, and ends the execution with it. */
  protected givingUp(what: string, record: LambdaInvoke): Chain {
    this.catching([record], this.unreported(`${what}Unreported`));
    return record.next(this.failed(`${what}Failed`));
  }

  /** A map only says that an item failed: it is recorded in the item, while the reason is still known. */
  protected recordingFailureOf(item: string, step: LambdaInvoke, record: LambdaInvoke): void {
    const failed = this.failed(`${item}Failed`);
    this.catching([step], record);
    this.catching([record], failed);
    record.next(failed);
  }

  protected fanOut(id: string, fan: FanOut): DistributedMap {
    const map = new DistributedMap(this, id, {
      label: id,
      mapExecutionType: StateMachineType.STANDARD,
      itemReader: new S3JsonItemReader({
        bucket: this.props.workBucket,
        key: JsonPath.stringAt(`${fan.list}.key`),
      }),
      itemSelector: withPaths(fan.itemSelector),
      maxConcurrency: fan.atOnce,
      toleratedFailureCount: fan.toleratedFailures,
      // Outputs of the items do not fit into a state; the steps write what they have to tell into S3 themselves.
      // The prefix is made of the context only: interpreters differ in what `$` is here, the map's input or its outputs.
      resultWriterV2: new ResultWriterV2({
        bucket: this.props.workBucket,
        prefix: JsonPath.format(`${fan.reportFolder}/{}/map`, JsonPath.executionName),
      }),
      resultPath: JsonPath.DISCARD,
    });
    map.addRetry(WHEN_LIST_IS_NOT_READ);
    // Nothing reads what Step Functions reports of the items: that it could not be written decides nothing.
    map.addCatch(fan.next, { errors: ['States.ResultWriterFailed'], resultPath: JsonPath.DISCARD });
    map.itemProcessor(fan.steps).next(fan.next);
    return map;
  }

  /**
   * Ends the execution with the error that was caught. Names that begin with `States.` are the language's own, and
   * nothing else may report one; such an error becomes a part of the cause.
   * @see https://states-language.net/spec.html#error-names
   */
  protected failed(id: string): IChainable {
    const fail = new Fail(this, id, {
      errorPath: `${ERROR_PATH}.Error`,
      causePath: `${ERROR_PATH}.Cause`,
    });
    const renamed = this.renamed(`${id}InStates`, 'StateFailedError');
    return new Choice(this, `Name${id}`)
      .when(Condition.stringMatches(`${ERROR_PATH}.Error`, 'States.*'), renamed.next(fail))
      .otherwise(fail);
  }

  /** Ends the execution after its failure path failed: by the name, close-executions knows that nobody was told. */
  protected unreported(id: string): IChainable {
    const causePath = `${ERROR_PATH}.Cause`;
    const fail = new Fail(this, id, { error: unreportedError, causePath });
    return this.renamed(`${id}Cause`, unreportedError).next(fail);
  }

  /** Gives a caught error another name; its own becomes a part of the cause. */
  private renamed(id: string, name: string): Pass {
    return new Pass(this, id, {
      parameters: {
        Error: name,
        Cause: JsonPath.format(
          '{}: {}',
          JsonPath.stringAt(`${ERROR_PATH}.Error`),
          JsonPath.stringAt(`${ERROR_PATH}.Cause`),
        ),
      },
      resultPath: ERROR_PATH,
    });
  }

  /**
   * Makes the machine, with a role that may call the steps' functions and run the maps.
   * @param mapFolder - folder of the work bucket that distributed maps read their lists from and report into
   */
  protected machine(
    id: Capitalize<MachineName>,
    definition: IChainable,
    mapFolder?: `${string}/*`,
  ): StateMachine {
    const role = new Role(this, 'Role', {
      description: `Holdfast workflow ${id}`,
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    });
    const policy = new ExactPolicy(this, 'Policy', {
      role,
      statements: [
        allow(
          'CallSteps',
          ['lambda:InvokeFunction'],
          [...this.called].map((step) => step.function.functionArn),
        ),
        ...(mapFolder === undefined ? [] : readsListsAndWritesReports(this.props.workBucket, mapFolder)),
        ...this.awaitsExecutions(),
      ],
    });
    const machine = new StateMachine(this, 'Machine', {
      definitionBody: DefinitionBody.fromChainable(definition),
      role: role.withoutPolicyUpdates(),
      timeout: Duration.hours(safety.longestExecutionHours[id.toLowerCase() as MachineName]),
    });
    machine.node.addDependency(policy);
    // Made by the construct whatever the role, and wider than what `allowMapRuns` grants.
    machine.node.tryRemoveChild('DistributedMapPolicy');
    if (mapFolder !== undefined) this.allowMapRuns(machine, role);
    Validations.of(machine).acknowledge(
      {
        id: 'AwsSolutions-SF1',
        reason:
          'the history of a standard execution is complete and kept for 90 days; a log of all events would repeat it',
      },
      {
        id: 'AwsSolutions-SF2',
        reason: 'tracing needs permissions on all resources, and the execution history has the same times',
      },
    );
    return machine;
  }

  private awaitsExecutions(): PolicyStatement[] {
    if (this.awaited.size === 0) return [];
    const machines = [...this.awaited];
    return [
      allow(
        'StartRuns',
        ['states:StartExecution'],
        machines.map((machine) => machine.stateMachineArn),
      ),
      allow(
        'FollowRuns',
        ['states:DescribeExecution', 'states:StopExecution'],
        machines.map(executionsOf),
        accountOfArn,
      ),
      // The way in which Step Functions learns that an execution it waits for has ended.
      allow(
        'HearOfRuns',
        ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        [
          `arn:${Aws.PARTITION}:events:${Aws.REGION}:${Aws.ACCOUNT_ID}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`,
        ],
      ),
    ];
  }

  // Beside the machine, not before it: these statements name the machine itself.
  private allowMapRuns(machine: StateMachine, role: Role): void {
    const { stateMachineName: name } = machine;
    const executions = `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:execution`;
    void new ExactPolicy(this, 'MapRuns', {
      role,
      statements: [
        allow('StartItems', ['states:StartExecution'], [machine.stateMachineArn]),
        allow(
          'FollowItems',
          ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
          // AWS's own policies name executions of items by the machine, as well as by the machine and the map's label.
          [`${executions}:${name}:*`, `${executions}:${name}/*`],
          accountOfArn,
        ),
      ],
    });
  }
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && /^\$\$?\./.test(value);
}

function withPaths(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isPath(value) ? JsonPath.objectAt(value) : value]),
  );
}

function readsListsAndWritesReports(workBucket: IBucket, folder: string): PolicyStatement[] {
  return [
    ...usesWork({ workBucket }, [folder]),
    allow(
      'FinishReports',
      ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      [workBucket.arnForObjects(folder)],
      { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } },
    ),
  ];
}
