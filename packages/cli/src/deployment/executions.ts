import type { Clock, ReportedWork } from '@holdfast/engine';
import type { MachineInputs } from '@holdfast/engine/model';
import type * as z from 'zod';
import type { ProgressLines } from '../terminal/progress-lines.ts';
import { durationText } from '../terminal/text.ts';
import { type WorkLook, workText } from './work-text.ts';

export type Machine = keyof MachineInputs;

export const executionStatuses = ['running', 'succeeded', 'failed', 'timed-out', 'stopped'] as const;

export interface ExecutionState {
  readonly status: (typeof executionStatuses)[number];
  /** JSON text that it was started with. */
  readonly input?: string;
  /** JSON text; only of executions that succeeded. */
  readonly output?: string;
  /** Name and text of the error; only of executions that failed or were stopped. */
  readonly error?: string;
  readonly cause?: string;
}

export interface NamedExecution {
  readonly execution: string;
  readonly state: ExecutionState;
}

export interface ListedExecution {
  readonly name: string;
  readonly status: ExecutionState['status'];
  readonly startedAt: Date;
  readonly endedAt?: Date;
}

/** Parts of the maps that an execution has begun: shards, partitions, or resources. */
export interface ExecutionParts {
  readonly done: number;
  readonly total: number;
}

export interface Executions {
  /**
   * @param name - at most 80 of `[A-Za-z0-9_-]`, new for every request.
   * @returns the execution's ARN.
   * @throws {@link UnknownNameError} the deployment has no such machine.
   */
  start<Name extends Machine>(machine: Name, name: string, input: MachineInputs[Name]): Promise<string>;
  /** Finds one by the name that it was started under; `undefined` where there is none, or no longer. */
  find(machine: Machine, name: string): Promise<NamedExecution | undefined>;
  /** @throws {@link UnknownNameError} no such execution, or no longer: they are kept for 90 days. */
  get(execution: string): Promise<ExecutionState>;
  /** Stops an execution as cancelled; one that is over or forgotten is left as it is. */
  stop(execution: string, cause: string): Promise<void>;
  /** The progress of an execution; `undefined` before its first map, or where the caller may not know. */
  findParts(execution: string): Promise<ExecutionParts | undefined>;
  /** Newest first. */
  list(machine: Machine, limit: number): Promise<readonly ListedExecution[]>;
}

/** Time between two looks at what goes on in AWS. */
export const pollMs = 3_000;

export interface WaitOptions {
  readonly executions: Executions;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after every look, with the seconds waited so far. */
  readonly onLook?: (seconds: number) => void | Promise<void>;
}

/** Seconds between two lines about an execution: nobody should have to wonder whether anything goes on. */
const quietSeconds = 10;

/**
 * Makes an `onLook` that says every ten seconds how far an execution is, and when it may be done.
 * @param findWork - what its workers have reported; where nothing is known of that, the parts of its maps are told.
 */
export function noteProgress(
  progress: ProgressLines,
  doing: string | (() => Promise<string>),
  execution: string,
  executions: Executions,
  findWork: () => Promise<ReportedWork | undefined> = async () => Promise.resolve(undefined),
): (seconds: number) => Promise<void> {
  let noted = 0;
  let before: { readonly seconds: number; readonly done: number } | undefined;
  let firstWork: WorkLook | undefined;
  return async (seconds) => {
    if (!progress.isShown || seconds - noted < quietSeconds) return;
    noted = seconds;
    const what = typeof doing === 'string' ? doing : await doing();
    // What only informs ends no waiting: people may look at executions, and not at the catalog.
    const work = await findWork().catch(() => undefined);
    if (work !== undefined) {
      progress.note(`${what}, ${durationText(seconds)}: ${workText({ work, seconds }, firstWork)}`);
      firstWork ??= { work, seconds };
      return;
    }
    const parts = await executions.findParts(execution);
    progress.note(
      `${what}, ${durationText(seconds)}${parts === undefined ? '' : partsText(parts, seconds, before)}`,
    );
    if (parts !== undefined) before ??= { seconds, done: parts.done };
  };
}

/** @param before - the first look at the parts: parts since then say how fast they are done. */
function partsText(
  { done, total }: ExecutionParts,
  seconds: number,
  before: { readonly seconds: number; readonly done: number } | undefined,
): string {
  // The next map may be about to begin: that all parts are done is not that all is.
  const share = done === total ? '' : `, ${Math.floor((100 * done) / total)} %`;
  const since = done - (before?.done ?? done);
  const left =
    since > 0 && before !== undefined ? ((total - done) * (seconds - before.seconds)) / since : undefined;
  return `: ${done} of ${total} parts${share}${left === undefined || done === total ? '' : `, about ${durationText(left)} left`}`;
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
