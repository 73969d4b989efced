import {
  DescribeStateMachineCommand,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { UnknownNameError } from '@holdfast/engine';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

/** A Standard state machine: only those start an execution of a name once. */
export class StateMachine {
  readonly #stepFunctions: SFNClient;
  readonly #arn: string;

  constructor(stepFunctions: SFNClient, arn: string) {
    this.#stepFunctions = stepFunctions;
    this.#arn = arn;
  }

  /**
   * Starts an execution under a name once, however often it is called with that name within 90 days.
   * @param name - at most 80 letters, digits, hyphens and underscores
   * @returns `exists` when an execution of that name was started before, whether it still runs or not.
   * @throws {@link UnknownNameError} no such state machine.
   */
  async start(name: string, input: unknown): Promise<'started' | 'exists'> {
    const command = new StartExecutionCommand({
      stateMachineArn: this.#arn,
      name,
      input: JSON.stringify(input),
    });
    try {
      await this.#stepFunctions.send(command);
      return 'started';
    } catch (error) {
      if (errorName(error) === 'ExecutionAlreadyExists') return 'exists';
      if (errorName(error) === 'StateMachineDoesNotExist') {
        const remedy = 'deploy the pipeline again, or correct the ARN';
        throw new UnknownNameError(`state machine ${this.#arn} does not exist; ${remedy}`, { cause: error });
      }
      throw toEngineError(error, `starting execution ${name}`);
    }
  }

  /** The time at which an execution last succeeded; if none has yet, at which the machine was made. */
  async lastSuccess(): Promise<Date> {
    const stateMachineArn = this.#arn;
    try {
      const list = new ListExecutionsCommand({ stateMachineArn, statusFilter: 'SUCCEEDED', maxResults: 1 });
      const [newest] = (await this.#stepFunctions.send(list)).executions ?? [];
      if (newest?.stopDate !== undefined) return newest.stopDate;
      const { creationDate } = await this.#stepFunctions.send(
        new DescribeStateMachineCommand({ stateMachineArn }),
      );
      return creationDate ?? new Date(0);
    } catch (error) {
      throw toEngineError(error, `looking at executions of ${stateMachineArn}`);
    }
  }
}
