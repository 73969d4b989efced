import { Duration } from 'aws-cdk-lib';
import { Rule, type EventPattern } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export interface ExecutionWatchProps {
  readonly machines: readonly IStateMachine[];
  /** Called for every execution that ended without success. */
  readonly closeExecutions: IFunction;
}

/**
 * Has Step Functions tell of executions that ended without success, whatever their own states did about it: one that
 * runs out of time, is stopped or has too many events runs none of them. Events are sent once they can be, at best; a
 * schedule looks for those that were lost.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
export class ExecutionWatch extends Construct {
  constructor(scope: Construct, id: string, { machines, closeExecutions }: ExecutionWatchProps) {
    super(scope, id);
    void new Rule(this, 'Ended', {
      description: 'Holdfast: an execution ended without success',
      eventPattern: executionEnded(machines, ['FAILED', 'TIMED_OUT', 'ABORTED']),
      targets: [new LambdaFunction(closeExecutions, { retryAttempts: 24, maxEventAge: Duration.hours(6) })],
    });
  }
}

/** The event of EventBridge for an execution of one of the machines that ended like this. */
export function executionEnded(
  machines: readonly IStateMachine[],
  status: readonly ('SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED')[],
): EventPattern {
  return {
    source: ['aws.states'],
    detailType: ['Step Functions Execution Status Change'],
    detail: { status, stateMachineArn: machines.map((machine) => machine.stateMachineArn) },
  };
}
