import type { Clock } from '@holdfast/engine';
import type { MachineInputs } from '@holdfast/engine/model';
import type * as z from 'zod';
import type { ProgressLines } from '../terminal/progress-lines.ts';
import { durationText } from '../terminal/text.ts';

export type Machine = keyof MachineInputs;

export interface ExecutionState {
  readonly status: 'running' | 'succeeded' | 'failed' | 'timed-out' | 'stopped';
  /** JSON text that it was started with. */
  readonly input?: string;
  /** JSON text; only of executions that succeeded. */
  readonly output?: string;
  /** Name and text of the error; only of executions that failed. */
  readonly error?: string;
  readonly cause?: string;
}

export interface ListedExecution {
  readonly name: string;
  readonly status: ExecutionState['status'];
  readonly startedAt: Date;
  readonly endedAt?: Date;
}

export interface Executions {
  /**
   * @param name - at most 80 of `[A-Za-z0-9_-]`, new for every request.
   * @returns the execution's ARN.
   * @throws {@link UnknownNameError} the deployment has no such machine.
   */
  start<Name extends Machine>(machine: Name, name: string, input: MachineInputs[Name]): Promise<string>;
  /** @throws {@link UnknownNameError} no such execution, or no longer: they are kept for 90 days. */
  get(execution: string): Promise<ExecutionState>;
  /** Stops an execution; one that is over or forgotten is left as it is. */
  stop(execution: string, cause: string): Promise<void>;
  /** Newest first. */
  list(machine: Machine, limit: number): Promise<readonly ListedExecution[]>;
}

const pollMs = 3_000;

export interface WaitOptions {
  readonly executions: Executions;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after every look, with the seconds waited so far. */
  readonly onLook?: (seconds: number) => void | Promise<void>;
}

/** Makes an `onLook` that says once a minute what is being done, as a sign of life. */
export function noteMinutes(progress: ProgressLines, doing: string): (seconds: number) => void {
  let noted = 0;
  return (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (minutes > noted) progress.note(`${doing}, ${durationText(seconds)}`);
    noted = minutes;
  };
}

/**
 * Looks at an execution every three seconds until it is over.
 * @throws the signal's reason when it is aborted; the execution goes on.
 */
export async function waitForExecution(execution: string, options: WaitOptions): Promise<ExecutionState> {
  const { executions, clock, signal, onLook } = options;
  const startedMs = clock.elapsedMs();
  for (;;) {
    const state = await executions.get(execution);
    if (state.status !== 'running') return state;
    await onLook?.((clock.elapsedMs() - startedMs) / 1000);
    await clock.sleep(pollMs, signal);
  }
}

export function failureText({ status, error, cause }: ExecutionState): string {
  const detail = [error, causeText(cause)].filter((part) => part !== undefined && part !== '').join(': ');
  return detail === '' ? `it is ${status}` : detail;
}

/** Takes the message out of a function's failure, which is JSON; other causes are text. */
function causeText(cause: string | undefined): string | undefined {
  if (cause === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(cause);
    if (typeof parsed === 'object' && parsed !== null && 'errorMessage' in parsed)
      return String(parsed.errorMessage);
  } catch {
    // Text, as `stop` leaves it.
  }
  return cause;
}

/** Parses an execution's input or output; `undefined` for one of another form, which is no error. */
export function parseOutput<Schema extends z.ZodType>(
  output: string | undefined,
  schema: Schema,
): z.infer<Schema> | undefined {
  if (output === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(output)).data;
  } catch {
    return undefined;
  }
}
