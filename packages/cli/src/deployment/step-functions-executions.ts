import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  type ExecutionStatus,
  ListExecutionsCommand,
  ListMapRunsCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { answerOf, toEngineError } from '@holdfast/aws';
import { BackupError, isOfKind, StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { cancelledError } from '@holdfast/engine/model';
import type {
  ExecutionParts,
  Executions,
  ExecutionState,
  ListedExecution,
  Machine,
  NamedExecution,
} from './executions.ts';

const statuses: Readonly<Record<ExecutionStatus, ExecutionState['status']>> = {
  RUNNING: 'running',
  PENDING_REDRIVE: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'timed-out',
  ABORTED: 'stopped',
};

export class StepFunctionsExecutions implements Executions {
  readonly #client: SFNClient;
  readonly #machineArn: (machine: Machine) => Promise<string>;

  /** @param machineArn - throws {@link UnknownNameError} when the deployment has no such machine. */
  constructor(client: SFNClient, machineArn: (machine: Machine) => Promise<string>) {
    this.#client = client;
    this.#machineArn = machineArn;
  }

  async start(machine: Machine, name: string, input: unknown): Promise<string> {
    const stateMachineArn = await this.#machineArn(machine);
    const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
    const { executionArn } = await answerOf(this.#client.send(command), `starting ${stateMachineArn}`);
    if (executionArn === undefined) {
      throw new StoreUnavailableError(
        `${stateMachineArn} was started without an answer; look for execution ${name}`,
      );
    }
    return executionArn;
  }

  async find(machine: Machine, name: string): Promise<NamedExecution | undefined> {
    const machineArn = await this.#machineArn(machine);
    const execution = `${machineArn.replace(':stateMachine:', ':execution:')}:${name}`;
    try {
      return { execution, state: await this.get(execution) };
    } catch (error) {
      if (isOfKind(error, 'unknown')) return undefined;
      throw error;
    }
  }

  async get(execution: string): Promise<ExecutionState> {
    const command = new DescribeExecutionCommand({ executionArn: execution });
    try {
      const { status, input, output, error, cause } = await this.#client.send(command);
      return {
        status: statuses[status ?? 'RUNNING'],
        input,
        output,
        error,
        cause,
      };
    } catch (error) {
      if (isMissing(error)) {
        throw new UnknownNameError(`execution ${execution} does not exist; they are kept for 90 days`, {
          cause: error,
        });
      }
      throw toEngineError(error, `reading execution ${execution}`);
    }
  }

  async stop(execution: string, cause: string): Promise<void> {
    try {
      await this.#client.send(
        new StopExecutionCommand({ executionArn: execution, error: cancelledError, cause }),
      );
    } catch (error) {
      if (!isMissing(error)) throw toEngineError(error, `stopping execution ${execution}`);
    }
  }

  async findParts(execution: string): Promise<ExecutionParts | undefined> {
    try {
      const runs = await this.#client.send(new ListMapRunsCommand({ executionArn: execution }));
      let parts: ExecutionParts | undefined;
      for (const { mapRunArn } of runs.mapRuns ?? []) {
        const { itemCounts } = await this.#client.send(new DescribeMapRunCommand({ mapRunArn }));
        const { succeeded = 0, failed = 0, aborted = 0, timedOut = 0, total = 0 } = itemCounts ?? {};
        const { done, total: before } = parts ?? { done: 0, total: 0 };
        parts = { done: done + succeeded + failed + aborted + timedOut, total: before + total };
      }
      return parts;
    } catch (error) {
      const failure = toEngineError(error, `looking at the maps of execution ${execution}`);
      // It only informs: whoever may not look waits all the same.
      if (failure instanceof BackupError) return undefined;
      throw failure;
    }
  }

  async list(machine: Machine, limit: number): Promise<readonly ListedExecution[]> {
    const stateMachineArn = await this.#machineArn(machine);
    const command = new ListExecutionsCommand({ stateMachineArn, maxResults: limit });
    const { executions } = await answerOf(
      this.#client.send(command),
      `listing executions of ${stateMachineArn}`,
    );
    return (executions ?? []).map(({ name, status, startDate, stopDate }) => ({
      name: name ?? '',
      status: statuses[status ?? 'RUNNING'],
      startedAt: startDate ?? new Date(Number.NaN),
      endedAt: stopDate,
    }));
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExecutionDoesNotExist';
}
