import { Succeed, type IChainable } from 'aws-cdk-lib/aws-stepfunctions';
import type { holdSteps } from '../../lambdas/hold/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface HoldWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof holdSteps>;
}

/** Sets or releases one legal hold: its input is what a person asks for, its output what came of it. */
export class HoldWorkflow extends Workflow<HoldWorkflowProps> {
  readonly stateMachine = this.machine('Hold', this.definition());

  private definition(): IChainable {
    const hold = this.step('HoldPoints', {
      function: this.props.steps['hold-points'],
      payload: { request: '$.request', execution: '$.execution', state: '$.held.state' },
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
