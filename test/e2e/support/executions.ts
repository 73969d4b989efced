import {
  DescribeExecutionCommand,
  paginateGetExecutionHistory,
  paginateListExecutions,
  StartExecutionCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { eventually } from './eventually.ts';

export interface Ended {
  readonly arn: string;
  readonly status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  readonly output: unknown;
  readonly error: string;
  /** Message of a function's error for people, without the JSON around it. */
  readonly reason: string;
}

/** Starts an execution and waits for its end, however it ends. */
export async function runExecution(
  sfn: SFNClient,
  stateMachineArn: string,
  name: string,
  input: unknown,
): Promise<Ended> {
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }),
  );
  return waitForEnd(sfn, executionArn as string);
}

/** Waits for an execution that somebody else started. */
export async function waitForEnd(sfn: SFNClient, executionArn: string): Promise<Ended> {
  return eventually(`the end of execution ${executionArn}`, async () => {
    const { status, output, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'RUNNING' || status === undefined || status === 'PENDING_REDRIVE') return undefined;
    return {
      arn: executionArn,
      status,
      output: JSON.parse(output ?? 'null') as unknown,
      error: error ?? '',
      reason: reasonOf(cause),
    };
  });
}

/** Executions of a machine that have not ended. */
export async function listRunning(sfn: SFNClient, stateMachineArn: string): Promise<string[]> {
  const arns: string[] = [];
  for await (const page of paginateListExecutions({ client: sfn }, { stateMachineArn })) {
    for (const { executionArn, status } of page.executions ?? [])
      if (status === 'RUNNING' && executionArn !== undefined) arns.push(executionArn);
  }
  return arns;
}

/** The states that an execution entered, in their order. */
export async function statesOf(sfn: SFNClient, executionArn: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of paginateGetExecutionHistory({ client: sfn }, { executionArn })) {
    for (const { stateEnteredEventDetails } of page.events ?? []) {
      if (stateEnteredEventDetails?.name !== undefined) names.push(stateEnteredEventDetails.name);
    }
  }
  return names;
}

function reasonOf(cause = ''): string {
  try {
    const parsed = JSON.parse(cause) as { readonly errorMessage?: string };
    return parsed.errorMessage ?? cause;
  } catch {
    return cause;
  }
}
