import type { Clock } from '@holdfast/engine';
import type { CommandContext } from '../terminal/command.ts';
import type { Executions, ExecutionState } from './executions.ts';
import { durationText } from '../terminal/text.ts';

const pollMs = 3_000;

/** What waiting needs. */
export interface WaitOptions {
  readonly executions: Executions;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after every look, with the seconds waited so far. */
  readonly onLook?: (seconds: number) => void | Promise<void>;
}

/** Says once a minute what is being done, as a sign of life: for `onLook`. */
export function noteMinutes(progress: CommandContext['progress'], doing: string): (seconds: number) => void {
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

/** Why an execution did not succeed, for people. */
export function failureText({ status, error, cause }: ExecutionState): string {
  const detail = [error, causeText(cause)].filter((part) => part !== undefined && part !== '').join(': ');
  return detail === '' ? `it is ${status}` : detail;
}

/** A function's failure is JSON with the message inside; everything else is text. */
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
