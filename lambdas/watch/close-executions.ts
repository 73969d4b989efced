import type { FailedExecution } from '@holdfast/aws';
import { findJson, putJson, workThrough } from '@holdfast/engine';
import {
  cancelledError,
  CycleInput,
  type MachineName,
  ProtectInput,
  safety,
  unreportedError,
  hourMs,
} from '@holdfast/engine/model';
import * as z from 'zod';
import { closeFailedRun, countCycleFailure, isOpen } from '../protect/close-failed-run.ts';
import { endCopyTurn } from '../image/copy-turn.ts';
import { abandonRestore } from '../restore/abandon-restore.ts';
import { restoreIdOf } from '@holdfast/engine/model';
import { type Count, defineStep } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { metric } from '../runtime/metrics.ts';
import { watchSteps } from './steps.ts';

/** Time kept for closing, when much is to be freed before. */
const reserveMs = 120_000;
const executionsAtOnce = 4;

/** A change of status from EventBridge; without `detail`, the hourly look for executions of which no event came. */
const Input = z.object({ detail: z.object({ executionArn: z.string().min(1) }).optional() });

const Seen = z.object({ did: z.string() });
const RunInput = ProtectInput.pick({ runId: true });
const PlanInput = CycleInput.pick({ plan: true });

type Services = StepServices<(typeof watchSteps)['close-executions']['needs']>;
type TimedServices = Services & { readonly shouldStop: () => boolean };

export interface CloseExecutionsOutput {
  readonly seen: number;
  /** Runs and restores that were still open. */
  readonly closed: number;
  /** Executions that ended without telling anybody. */
  readonly unreported: number;
}

/**
 * Finds executions that ended without their own failure path: out of time, stopped, over 25,000 events, with an error that
 * no state may catch, or in the failure path itself. Closes what they left open in the catalog, and counts them, so that
 * an alarm fires, unless they were cancelled; a check is counted whatever it ended with, holds are only logged, as maintenance finishes those that
 * were left half done. Called for each end without success, and hourly for those of which no event came, as far as the
 * time of a call goes: what it did not get to, the next one finds. Each is dealt with once; repeating it changes nothing.
 */
export const closeExecutionsStep = defineStep(
  watchSteps,
  'close-executions',
  Input,
  async (services, { detail }, { count, timeLeftMs }): Promise<CloseExecutionsOutput> => {
    const shouldStop = () => timeLeftMs() < reserveMs;
    const output = { seen: 0, closed: 0, unreported: 0 };
    let refusal: unknown;
    const { done, failures } = await workThrough(
      {
        items: detail === undefined ? listUnseen(services) : [detail.executionArn],
        atOnce: executionsAtOnce,
        nameOf: (arn) => `execution ${arn}`,
        work: async (arn) => {
          try {
            const did = await closeOne({ ...services, shouldStop }, count, arn);
            if (did === undefined) return;
            output.seen += 1;
            output.closed += did === 'closed' ? 1 : 0;
            output.unreported += did === 'reported' ? 0 : 1;
          } catch (error) {
            refusal ??= error;
            throw error;
          }
        },
      },
      { shouldStop },
    );
    if (!done) services.log.info('looked at a part of the executions; the next call goes on', output);
    for (const reason of failures.messages) services.log.warn('an execution was not dealt with', { reason });
    // After the others: what is wrong with one execution keeps none of them open, and is not passed over either.
    if (failures.count > 0) throw refusal;
    return output;
  },
);

/** @returns what was done; nothing for an execution that is none of ours, or was dealt with before. */
async function closeOne(services: TimedServices, count: Count, arn: string): Promise<Did | undefined> {
  const execution = await services.executions.findFailed(arn);
  const machine = execution && machineOf(services.machines, execution);
  if (execution === undefined || machine === undefined || (await isSeen(services, arn))) return undefined;
  const did = await close[machine](services, count, execution);
  await putJson(services.work, seenFile(arn), { did } satisfies z.infer<typeof Seen>);
  if (did !== 'reported') {
    const { status, error, cause } = execution;
    services.log.warn('an execution ended without a report', { execution: arn, status, error, cause, did });
  }
  return did;
}

/** `closed`: something was open; `counted`: nothing was, but nobody had been told; `reported`: it had done all itself. */
type Did = 'closed' | 'counted' | 'reported';

const close: Readonly<
  Record<MachineName, (services: TimedServices, count: Count, execution: FailedExecution) => Promise<Did>>
> = {
  protect: async (services, count, execution) => {
    const input = RunInput.safeParse(execution.input);
    const run = input.success ? await services.catalog.runs.find(input.data.runId) : undefined;
    // Whoever started it sees that it failed: a cycle, or the person who waits. No run is in the way of the next one.
    if (run === undefined) return 'reported';
    // Another execution goes on with it.
    if (run.execution !== undefined && run.execution !== execution.arn) return 'reported';
    const wasOpen = isOpen(run);
    if (wasOpen) await closeFailedRun(services, count, run, errorOf(execution));
    // Also of one that was cancelled: nobody else ends the turn of an execution that was stopped.
    await endCopyTurn(services, run.runId);
    return wasOpen ? 'closed' : 'reported';
  },
  restore: async (services, count, execution) => {
    const row = await services.catalog.restores.find(restoreIdOf(execution.arn));
    if (row?.state !== 'running' && (row !== undefined || hasReported(execution))) return 'reported';
    const isCancelled = execution.status === 'ABORTED' && execution.error === cancelledError;
    const end = { state: isCancelled ? 'cancelled' : 'failed', error: errorOf(execution) } as const;
    if (row !== undefined) await abandonRestore(services, row, end, services.shouldStop);
    if (!isCancelled) count([metric('RestoreFailures', 1)]);
    return row === undefined ? 'counted' : 'closed';
  },
  cycle: async (_, count, execution) => {
    if (hasReported(execution)) return Promise.resolve('reported');
    const input = PlanInput.safeParse(execution.input);
    countCycleFailure(count, input.success ? input.data.plan : undefined);
    return Promise.resolve('counted');
  },
  maintenance: async (_, count, execution) => {
    if (hasReported(execution)) return Promise.resolve('reported');
    count([metric('MaintenanceFailures', 1)]);
    return Promise.resolve('counted');
  },
  check: async (_, count) => {
    count([metric('CheckFailures', 1)]);
    return Promise.resolve('counted');
  },
  hold: async (_, __, execution) => Promise.resolve(hasReported(execution) ? 'reported' : 'counted'),
};

/**
 * True when it ended in a state of its own that comes after its report: those never use names of the States Language.
 */
function hasReported({ status, error = '' }: FailedExecution): boolean {
  return status === 'FAILED' && error !== unreportedError && !error.startsWith('States.');
}

function errorOf({ arn, status, error = '', cause = '' }: FailedExecution): {
  name: string;
  message: string;
} {
  const how = {
    TIMED_OUT: 'ran out of time',
    ABORTED: 'was stopped',
    FAILED: 'ended without closing what it had opened',
  }[status];
  const why = [error, cause].filter((part) => part !== '').join(': ');
  return { name: 'ExecutionEndedError', message: `execution ${arn} ${how}${why === '' ? '' : ` (${why})`}` };
}

function machineOf(machines: Services['machines'], { machineArn }: FailedExecution): MachineName | undefined {
  return (Object.keys(machines) as MachineName[]).find((name) => machines[name] === machineArn);
}

async function* listUnseen({ machines, executions, work, clock }: Services): AsyncGenerator<string> {
  const endedAfter = new Date(clock.now().getTime() - safety.closeLookBackHours * hourMs);
  for (const [name, machine] of Object.entries(machines)) {
    const longestMs = safety.longestExecutionHours[name as MachineName] * hourMs;
    const startedAfter = new Date(endedAfter.getTime() - longestMs);
    for await (const { arn } of executions.listFailed(machine, endedAfter, startedAfter)) {
      if (!(await isSeen({ work }, arn))) yield arn;
    }
  }
}

async function isSeen({ work }: Pick<Services, 'work'>, arn: string): Promise<boolean> {
  return (await findJson(work, seenFile(arn), Seen)) !== undefined;
}

/** Kept for longer than an execution is looked for: the work bucket empties itself after 14 days. */
function seenFile(executionArn: string): string {
  return `executions/${restoreIdOf(executionArn)}.json`;
}
