import { Choice, Condition, JsonPath, type StateMachine, Succeed } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { watchSteps } from '../../lambdas/watch/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { Workflow, type WorkflowProps } from './workflow.ts';

export interface CheckWorkflowProps extends Omit<WorkflowProps, 'workPrefixes'> {
  readonly steps: Pick<StepFunctions<typeof watchSteps>, 'check-overdue'>;
}

/** The daily check of all resources against their plans, over as many calls as it takes. */
export class CheckWorkflow extends Workflow {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: CheckWorkflowProps) {
    super(scope, id, { ...props, workPrefixes: [] });
    const check = this.step('CheckOverdue', {
      function: props.steps['check-overdue'],
      payload: { checkId: JsonPath.stringAt('$$.Execution.Name') },
      resultPath: '$',
    });
    this.catching([check], this.failed('CheckFailed'));
    check.next(
      new Choice(this, 'IsChecked', { stateName: 'IsChecked' })
        .when(Condition.booleanEquals('$.done', true), new Succeed(this, 'Checked', { stateName: 'Checked' }))
        .otherwise(check),
    );
    this.stateMachine = this.machine('Check', check);
  }
}
