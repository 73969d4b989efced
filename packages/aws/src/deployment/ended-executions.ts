import {
  DescribeExecutionCommand,
  type ExecutionStatus,
  paginateListExecutions,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

/** How an execution ended that did not succeed. */
type FailedStatus = 'FAILED' | 'TIMED_OUT' | 'ABORTED';

const failedStatuses: readonly FailedStatus[] = ['FAILED', 'TIMED_OUT', 'ABORTED'];

/** An execution that ended, and did not succeed. */
export interface FailedExecution {
  readonly arn: string;
  readonly machineArn: string;
  readonly name: string;
  readonly status: FailedStatus;
  /** What it was started with; `undefined` when that is not JSON. */
  readonly input: unknown;
  /** Name and text of the error, as far as there is one. */
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** Reads how executions of Standard state machines ended. */
export class EndedExecutions {
  readonly #stepFunctions: SFNClient;

  constructor(stepFunctions: SFNClient) {
    this.#stepFunctions = stepFunctions;
  }

  /** @returns `undefined` when it still runs, succeeded, or is not known any more: it is kept for 90 days. */
  async findFailed(executionArn: string): Promise<FailedExecution | undefined> {
    try {
      const found = await this.#stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
      const { stateMachineArn = '', name = '', status, input, error, cause } = found;
      if (!isFailed(status)) return undefined;
      return {
        arn: executionArn,
        machineArn: stateMachineArn,
        name,
        status,
        input: parsed(input),
        error,
        cause,
      };
    } catch (error) {
      if (errorName(error) === 'ExecutionDoesNotExist') return undefined;
      throw toEngineError(error, `looking at execution ${executionArn}`);
    }
  }

  /**
   * Executions of a machine that ended after a time without success, in no order.
   * @param startedAfter - where the list ends, which is by when executions began.
   */
  async *listFailed(
    stateMachineArn: string,
    endedAfter: Date,
    startedAfter: Date,
  ): AsyncIterable<{ readonly arn: string; readonly name: string }> {
    for (const statusFilter of failedStatuses) {
      const pages = paginateListExecutions(
        { client: this.#stepFunctions },
        { stateMachineArn, statusFilter },
      );
      try {
        list: for await (const { executions = [] } of pages) {
          for (const { executionArn: arn = '', name = '', startDate, stopDate } of executions) {
            if (startDate !== undefined && startDate < startedAfter) break list;
            if (stopDate !== undefined && stopDate > endedAfter) yield { arn, name };
          }
        }
      } catch (error) {
        throw toEngineError(error, `listing executions of ${stateMachineArn}`);
      }
    }
  }
}

function isFailed(status: ExecutionStatus | undefined): status is FailedStatus {
  return failedStatuses.some((one) => one === status);
}

function parsed(input: string | undefined): unknown {
  try {
    return JSON.parse(input ?? '');
  } catch {
    return undefined;
  }
}
