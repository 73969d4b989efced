import {
  Choice,
  Condition,
  JsonPath,
  Pass,
  Result,
  Succeed,
  type IChainable,
  type StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { holdSteps } from '../../lambdas/hold/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface HoldWorkflowProps extends Omit<WorkflowProps, 'workPrefixes'> {
  readonly steps: StepFunctions<typeof holdSteps>;
}

/** Sets or releases one legal hold: its input is what a person asks for, its output what came of it. */
export class HoldWorkflow extends Workflow {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: HoldWorkflowProps) {
    super(scope, id, { ...props, workPrefixes: [] });
    this.stateMachine = this.machine('Hold', this.definition(props.steps));
  }

  private definition(steps: HoldWorkflowProps['steps']): IChainable {
    const accept = new Pass(this, 'Accept', {
      stateName: 'Accept',
      parameters: {
        request: JsonPath.entirePayload,
        execution: JsonPath.executionId,
      },
    });
    // As a result: of parameters, CDK leaves out what is null.
    const begin = new Pass(this, 'Begin', {
      stateName: 'Begin',
      result: Result.fromObject({ state: null }),
      resultPath: '$.held',
    });
    const hold = this.step('HoldPoints', {
      function: steps['hold-points'],
      payload: {
        request: JsonPath.objectAt('$.request'),
        execution: JsonPath.stringAt('$.execution'),
        state: JsonPath.objectAt('$.held.state'),
      },
      resultPath: '$.held',
    });
    const failed = this.failed('HoldFailed');
    this.catching([hold], failed);
    const done = new Succeed(this, 'Held', { stateName: 'Held', outputPath: '$.held' });
    return accept
      .next(begin)
      .next(hold)
      .next(
        new Choice(this, 'IsDone', { stateName: 'IsDone' })
          .when(Condition.booleanEquals('$.held.done', true), done)
          .otherwise(hold),
      );
  }
}
