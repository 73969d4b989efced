import { type ErrorName, type ProtectInput, safety } from '@holdfast/engine/model';
import { Duration } from 'aws-cdk-lib';
import {
  Choice,
  Condition,
  Fail,
  JsonPath,
  Pass,
  Parallel,
  Result,
  Succeed,
  Wait,
  WaitTime,
  type DistributedMap,
  type IChainable,
  type StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { cycleSteps } from '../../lambdas/cycle/steps.ts';
import type { protectSteps } from '../../lambdas/protect/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { ERROR_PATH, Workflow, type WorkflowProps } from './workflow.ts';

/** The most that a list can have: every item's failure is caught and counted by the report. */
const ALL_ITEMS = 100_000_000;

/**
 * Images at once. An image uses a worker for seconds and then waits for EC2, so this takes no place of files. EC2 lets an
 * account have 100 pending snapshots in a region and an image has one at least: more could not be under way. What EC2
 * refuses for that reason is tried again for hours.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html "Pending snapshots per account"
 */
const IMAGES_AT_ONCE = 100;

export interface CycleWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof cycleSteps> & Pick<StepFunctions<typeof protectSteps>, 'fail-run'>;
  readonly protect: StateMachine;
  /** Resources that consist of files, not images. */
  readonly resourcesAtOnce: number;
}

/**
 * One due time of one plan rule: puts a changed configuration on record, finds the plan's resources, protects each,
 * reports; fails if one of them did.
 */
export class CycleWorkflow extends Workflow<CycleWorkflowProps> {
  readonly stateMachine = this.machine('Cycle', this.definition(), 'cycles/*');

  private definition(): IChainable {
    const { steps } = this.props;
    const record = this.step('RecordConfiguration', {
      function: steps['record-configuration'],
      payload: {},
      resultPath: JsonPath.DISCARD,
    });
    const discover = this.step('DiscoverResources', {
      function: steps['discover-resources'],
      resultPath: '$.discovery',
    });
    const report = this.step('ReportCycle', { function: steps['report-cycle'], resultPath: '$.report' });

    const giveUp = this.givingUp('Cycle', this.step('FailCycle', { function: steps['fail-run'] }));
    // Reported already: a second failure of the same cycle would only be counted twice.
    report.addCatch(this.failed('ResourcesFailed'), {
      errors: ['CycleFailedError' satisfies ErrorName],
      resultPath: ERROR_PATH,
    });
    const protectResources = this.protectResources();
    this.catching([record, discover, protectResources, report], giveUp);

    protectResources
      .next(report)
      .next(this.unlessDone('Reported', '$.report', report, new Succeed(this, 'ReportedCycle')));
    const discovered = this.unlessDone('Discovered', '$.discovery', discover, protectResources);
    return this.accept(record.next(discover).next(discovered));
  }

  /** A person who starts a cycle has to name its plan, and may name the rest, of which start-cycle names all. */
  private accept(first: IChainable): IChainable {
    const read = new Pass(this, 'Accept', {
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
      parameters: { cycle: JsonPath.jsonMerge(JsonPath.objectAt('$.byHand'), JsonPath.objectAt('$.input')) },
      outputPath: '$.cycle',
    });
    const planMissing = new Fail(this, 'PlanMissing', {
      error: 'InvalidInputError' satisfies ErrorName,
      cause:
        'say which plan, as in {"plan": "daily"}; beside it "type" may say full, incremental, differential or ' +
        'synthetic-full (without it: incremental, which is a full where there is nothing to go on from)',
    });
    return read
      .next(complete)
      .next(
        new Choice(this, 'HasPlan')
          .when(Condition.and(Condition.isPresent('$.plan'), Condition.isString('$.plan')), first)
          .otherwise(planMissing),
      );
  }

  /** Files and images side by side: an image that waits for EC2 keeps no bucket waiting, and no bucket an image. */
  private protectResources(): Parallel {
    return new Parallel(this, 'ProtectResources', {
      resultSelector: {
        files: JsonPath.objectAt('$[0]'),
        images: JsonPath.objectAt('$[1]'),
      },
      resultPath: '$.maps',
    })
      .branch(this.protectPart('Files', this.props.resourcesAtOnce))
      .branch(this.protectPart('Images', IMAGES_AT_ONCE));
  }

  /** A map that fails as a whole ends its own branch only; the report says what it did not come to. */
  private protectPart(part: 'Files' | 'Images', atOnce: number): IChainable {
    const ended = new Pass(this, `${part}Ended`, {
      result: Result.fromObject({}),
    });
    const endedEarly = new Pass(this, `${part}EndedEarly`, {
      parameters: { error: JsonPath.objectAt(ERROR_PATH) },
    });
    const map = this.protectEach(part, atOnce, ended);
    this.catching([map], endedEarly);
    return new Choice(this, `Any${part}`)
      .when(Condition.numberEquals(`$.discovery.lists.${part.toLowerCase()}.count`, 0), ended)
      .otherwise(map);
  }

  private protectEach(part: 'Files' | 'Images', atOnce: number, next: IChainable): DistributedMap {
    const { protect } = this.props;
    const stateName = part === 'Files' ? 'ProtectResource' : 'ProtectImage';
    const run = this.execution(stateName, protect, {
      name: JsonPath.stringAt('$.runId'),
      input: {
        resourceArn: '$.resourceArn',
        kind: '$.kind',
        plan: '$.plan',
        type: '$.type',
        runId: '$.runId',
      } satisfies Record<Exclude<keyof ProtectInput, 'container'>, string>,
      longest: Duration.days(safety.cycleWaitDays),
    });
    // The run has closed itself as failed, or was never opened: the report finds both in the catalog.
    this.catching([run], new Pass(this, `Leave${part}ToReport`));
    const begin = new Wait(this, `Begin${part}`, { time: WaitTime.secondsPath('$.startAfterSeconds') });
    return this.fanOut(`Protect${part}`, {
      list: `$.discovery.lists.${part.toLowerCase()}`,
      reportFolder: 'cycles',
      itemSelector: {
        resourceArn: '$$.Map.Item.Value.resourceArn',
        kind: '$$.Map.Item.Value.kind',
        runId: '$$.Map.Item.Value.runId',
        startAfterSeconds: '$$.Map.Item.Value.startAfterSeconds',
        plan: '$.plan',
        type: '$.type',
      },
      atOnce,
      toleratedFailures: ALL_ITEMS,
      steps: begin.next(run),
      next,
    });
  }
}
