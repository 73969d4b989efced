import { JsonPath, type StateMachine, Succeed } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { watchSteps } from '../../lambdas/watch/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface CheckWorkflowProps extends WorkflowProps {
  readonly steps: Pick<StepFunctions<typeof watchSteps>, 'check-overdue'>;
}

/** The daily check of all resources against their plans, over as many calls as it takes. */
export class CheckWorkflow extends Workflow {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: CheckWorkflowProps) {
    super(scope, id, props);
    const check = this.step('CheckOverdue', {
      function: props.steps['check-overdue'],
      payload: { checkId: JsonPath.stringAt('$$.Execution.Name') },
      resultPath: '$',
    });
    this.catching([check], this.failed('CheckFailed'));
    check.next(this.whenDone('IsChecked', '$', new Succeed(this, 'Checked'), check));
    this.stateMachine = this.machine('Check', check);
  }
}
