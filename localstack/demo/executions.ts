import { setTimeout as wait } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  StartExecutionCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';

const pollMs = 500;

/** @throws {@link Error} the execution failed; the message has its error and cause. */
export async function runExecution(
  sfn: SFNClient,
  machineArn: string,
  name: string,
  input: unknown,
): Promise<unknown> {
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: machineArn, name, input: JSON.stringify(input) }),
  );
  return waitForExecution(sfn, executionArn as string);
}

export async function waitForExecution(sfn: SFNClient, executionArn: string): Promise<unknown> {
  for (;;) {
    const { status, output, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'SUCCEEDED') return JSON.parse(output ?? 'null');
    if (status !== 'RUNNING')
      throw new Error(`execution ${executionArn} ended ${status}: ${error ?? ''} ${cause ?? ''}`);
    await wait(pollMs);
  }
}

/** @returns the ARN of the machine's first execution that began after a time. */
export async function waitForFirstExecution(
  sfn: SFNClient,
  machineArn: string,
  { since, limitMs }: { readonly since: Date; readonly limitMs: number },
): Promise<string> {
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    const { executions } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: machineArn }));
    const first = executions?.findLast(({ startDate }) => startDate !== undefined && startDate > since);
    if (first?.executionArn !== undefined) return first.executionArn;
    await wait(pollMs);
  }
  throw new Error(
    `no execution of ${machineArn} began within ${limitMs / 1000} seconds; the schedule has not fired`,
  );
}
