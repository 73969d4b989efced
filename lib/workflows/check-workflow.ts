import { type IChainable, Succeed } from 'aws-cdk-lib/aws-stepfunctions';
import type { watchSteps } from '../../lambdas/watch/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface CheckWorkflowProps extends WorkflowProps {
  readonly steps: Pick<StepFunctions<typeof watchSteps>, 'check-overdue'>;
}

/** The daily check of all resources against their plans, over as many calls as it takes. */
export class CheckWorkflow extends Workflow<CheckWorkflowProps> {
  readonly stateMachine = this.machine('Check', this.definition());

  private definition(): IChainable {
    const check = this.step('CheckOverdue', {
      function: this.props.steps['check-overdue'],
      payload: { checkId: '$$.Execution.Name' },
      resultPath: '$',
    });
    this.catching([check], this.failed('CheckFailed'));
    check.next(this.whenDone('IsChecked', '$', new Succeed(this, 'Checked'), check));
    return check;
  }
}
