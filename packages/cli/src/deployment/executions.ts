/** The state machines that the command line starts or reads. */
export type Machine = 'cycle' | 'protect' | 'restore' | 'hold' | 'maintenance';

/** How an execution stands. */
export interface ExecutionState {
  readonly status: 'running' | 'succeeded' | 'failed' | 'timed-out' | 'stopped';
  /** JSON text; of executions that succeeded. */
  readonly output?: string;
  /** Name and text of the error; of executions that failed. */
  readonly error?: string;
  readonly cause?: string;
}

/** An execution in a list. */
export interface ListedExecution {
  readonly name: string;
  readonly status: ExecutionState['status'];
  readonly startedAt: Date;
  readonly endedAt?: Date;
}

/** Executions of the deployment's state machines. */
export interface Executions {
  /**
   * Starts an execution.
   * @param name - at most 80 of `[A-Za-z0-9_-]`, new for every request.
   * @returns its ARN.
   * @throws {@link UnknownNameError} the deployment has no such machine.
   */
  start(machine: Machine, name: string, input: unknown): Promise<string>;
  /** @throws {@link UnknownNameError} no such execution (any more: they are kept for 90 days). */
  get(execution: string): Promise<ExecutionState>;
  /** Stops an execution; one that is over or forgotten is left as it is. */
  stop(execution: string, cause: string): Promise<void>;
  /** The newest executions of a machine, newest first. */
  list(machine: Machine, limit: number): Promise<readonly ListedExecution[]>;
}
