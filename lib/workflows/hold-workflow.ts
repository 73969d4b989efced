import { JsonPath, Succeed, type IChainable, type StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { holdSteps } from '../../lambdas/hold/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface HoldWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof holdSteps>;
}

/** Sets or releases one legal hold: its input is what a person asks for, its output what came of it. */
export class HoldWorkflow extends Workflow {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: HoldWorkflowProps) {
    super(scope, id, props);
    this.stateMachine = this.machine('Hold', this.definition(props.steps));
  }

  private definition(steps: HoldWorkflowProps['steps']): IChainable {
    const hold = this.step('HoldPoints', {
      function: steps['hold-points'],
      payload: {
        request: JsonPath.objectAt('$.request'),
        execution: JsonPath.stringAt('$.execution'),
        state: JsonPath.objectAt('$.held.state'),
      },
      resultPath: '$.held',
    });
    this.catching([hold], this.failed('HoldFailed'));
    const done = new Succeed(this, 'Held', { outputPath: '$.held' });
    return this.acceptRequest()
      .next(this.begin('Begin', '$.held'))
      .next(hold)
      .next(this.whenDone('IsDone', '$.held', done, hold));
  }
}
