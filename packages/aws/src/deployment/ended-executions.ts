import {
  DescribeExecutionCommand,
  type ExecutionStatus,
  paginateListExecutions,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

type FailedStatus = 'FAILED' | 'TIMED_OUT' | 'ABORTED';

const failedStatuses: readonly FailedStatus[] = ['FAILED', 'TIMED_OUT', 'ABORTED'];

export interface FailedExecution {
  readonly arn: string;
  readonly machineArn: string;
  readonly name: string;
  readonly status: FailedStatus;
  /** The execution's input; `undefined` when that is not JSON. */
  readonly input: unknown;
  /** The error's name; `cause` is its text. */
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** Reads the ends of executions of Standard state machines. */
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
   * Lists executions that ended without success after a time, in no order.
   * @param startedAfter - ends the listing, which goes back by the time at which executions began.
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
