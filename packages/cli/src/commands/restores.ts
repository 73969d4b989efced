import { InvalidInputError, isOfKind, type RestoreRow, UnknownNameError } from '@holdfast/engine';
import { RestoreRequest } from '@holdfast/engine/model';
import { idDigits, ids, pointDigits, right, states, times, wideOnly } from '../terminal/table.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import {
  type ExecutionState,
  noteProgress,
  parseOutput,
  waitForExecution,
} from '../deployment/executions.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { resolveResourceArn, resolveRestore } from '../names/resolve.ts';
import { startRestore } from '../restore/restore-machine.ts';
import { exitCodeOfReport, findReport, printReport } from '../restore/restore-report.ts';
import { fromOption, limitOption, timeRangeOf, toOption } from '../terminal/options.ts';
import { bytesText, durationText, timeText } from '../terminal/text.ts';

/** A restore as the catalog has it, and its execution as Step Functions has it, where that is known. */
interface FoundRestore {
  readonly row: RestoreRow;
  readonly execution: ExecutionState | undefined;
}

export const restoresCommand = defineCommand({
  name: 'restores',
  summary: 'List restores, the newest first; or follow, stop or repeat one.',
  declare: (command) =>
    command
      .argument('[restore]', 'by its id, the beginning of it, or the ARN of its execution')
      .option('--resource <resource>', 'of this resource only')
      .addOption(fromOption)
      .addOption(toOption)
      .addOption(limitOption('at most so many').default(20))
      .option('--wait', 'wait for the end of the one that is named, and show its report')
      .option('--cancel', 'stop the one that is named; what it has written stays')
      .option('--again', 'start the one that is named once more; what is there already is not written again'),
  async run(context, { resource, limit, wait, cancel, again, ...values }, name) {
    const range = timeRangeOf(values);
    if (name === undefined && (wait ?? cancel ?? again) === true)
      throw new UsageError('name the restore to wait for, cancel or repeat; "holdfast restores" lists them');
    if (cancel === true && again === true)
      throw new UsageError('cancel the restore first, and start it again when it has ended');
    const connection = await context.connect();
    const { catalog } = connection.services;
    if (name === undefined) {
      const resourceArn = resource === undefined ? undefined : await resolveResourceArn(catalog, resource);
      const rows: RestoreRow[] = [];
      for await (const row of catalog.restores.list(range)) {
        if (resourceArn === undefined || row.resourceArn === resourceArn) rows.push(row);
        if (rows.length === limit) break;
      }
      return list(rows, connection, context);
    }
    const row = await resolveRestore(catalog, name, context.clock.now());
    if (cancel === true) return stop(row, connection, context);
    if (again === true) return repeat(row, connection, context);
    const find = wait === true ? findExecution : findIfAllowed;
    return show({ row, execution: await find(row, connection) }, wait === true, connection, context);
  },
});

/**
 * The state of a restore's execution; `undefined` where there is none, or it is forgotten.
 * @throws {@link AccessDeniedError} the caller may not look: whether it runs is not known then, which is no answer to whoever
 * wants it stopped.
 */
async function findExecution(
  { execution }: RestoreRow,
  { executions }: Connection,
): Promise<ExecutionState | undefined> {
  try {
    return execution === undefined ? undefined : await executions.get(execution);
  } catch (error) {
    if (isOfKind(error, 'unknown', 'input')) return undefined;
    throw error;
  }
}

/** As {@link findExecution}; of what nobody may look at, the catalog says enough for people who only look. */
async function findIfAllowed(row: RestoreRow, connection: Connection): Promise<ExecutionState | undefined> {
  return findExecution(row, connection).catch((error: unknown) => {
    if (isOfKind(error, 'denied')) return undefined;
    throw error;
  });
}

/** The state for people: of one whose execution ended without closing it, what Step Functions says. */
function stateText({ row, execution }: FoundRestore): string {
  const hasEnded = execution !== undefined && execution.status !== 'running';
  return row.state === 'running' && hasEnded ? `${execution.status}, being closed` : row.state;
}

async function list(
  rows: readonly RestoreRow[],
  connection: Connection,
  { out, clock }: CommandContext,
): Promise<void> {
  const found: FoundRestore[] = [];
  for (const row of rows) {
    const execution = row.state === 'running' ? await findIfAllowed(row, connection) : undefined;
    found.push({ row, execution });
  }
  if (out.json) return out.document(found.map(fieldsOf));
  await out.table(
    [
      ids('RESTORE', idDigits),
      states('STATE'),
      times('STARTED'),
      right('TOOK'),
      wideOnly(right('FILES')),
      right('SIZE'),
      wideOnly(ids('POINT', pointDigits)),
      'TARGET',
    ],
    found.map(({ row, execution }) => [
      row.restoreId,
      stateText({ row, execution }),
      row.startedAt,
      tookText(row, clock.now()),
      row.files?.toString(),
      row.bytes === undefined ? undefined : bytesText(row.bytes),
      row.pointId,
      row.target,
    ]),
  );
}

function tookText({ startedAt, endedAt }: RestoreRow, now: Date): string {
  return durationText(((endedAt ?? now).getTime() - startedAt.getTime()) / 1000);
}

function fieldsOf({ row, execution }: FoundRestore): Record<string, unknown> {
  return { ...row, executionStatus: execution?.status ?? null };
}

async function show(
  found: FoundRestore,
  wait: boolean,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { row } = found;
  const { out, clock } = context;
  let { execution } = found;
  if (wait && execution?.status === 'running' && row.execution !== undefined) {
    const { signal, progress } = context;
    const onLook = noteProgress(
      progress,
      `restore ${row.restoreId.slice(0, idDigits)}`,
      row.execution,
      connection.executions,
    );
    execution = await waitForExecution(row.execution, {
      executions: connection.executions,
      clock,
      signal,
      onLook,
    });
  }
  const now = (await connection.services.catalog.restores.find(row.restoreId)) ?? row;
  const report = findReport(execution?.output);
  if (out.json) await out.document({ ...fieldsOf({ row: now, execution }), report: report ?? null });
  else {
    await out.line(`restore   ${now.restoreId}`);
    await out.line(`point     ${now.pointId} of ${now.resourceArn}`);
    await out.line(`target    ${now.target}`);
    await out.line(`state     ${stateText({ row: now, execution })}`);
    await out.line(`started   ${timeText(now.startedAt)}, took ${tookText(now, clock.now())}`);
    if (now.execution !== undefined) await out.line(`execution ${now.execution}`);
    if (now.error !== undefined) await out.line(`error     ${now.error.message}`);
    if (report !== undefined && now.execution !== undefined)
      await printReport({ ...report, target: undefined }, now.execution, out);
    if (now.state === 'failed')
      await out.line(`next      "holdfast restores ${now.restoreId.slice(0, idDigits)} --again"`);
  }
  if (report !== undefined) return exitCodeOfReport(report);
  const hasFailed = now.state === 'failed' || (execution !== undefined && isFailure(execution));
  return hasFailed ? exitCodes.failed : exitCodes.ok;
}

function isFailure({ status }: ExecutionState): boolean {
  return status !== 'running' && status !== 'succeeded';
}

async function stop(
  row: RestoreRow,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode | void> {
  const { out } = context;
  const execution = await findExecution(row, connection);
  const isRunning = execution?.status === 'running' && row.execution !== undefined;
  if (isRunning) await connection.executions.stop(row.execution, `restore ${row.restoreId} was cancelled`);
  if (out.json) return out.document({ ...fieldsOf({ row, execution }), cancelled: isRunning });
  await out.line(
    isRunning
      ? `restore ${row.restoreId} is stopped; what it has written to ${row.target} stays there`
      : row.state === 'running' && execution === undefined
        ? `the execution of restore ${row.restoreId} is not there any more; it is closed within the hour`
        : `restore ${row.restoreId} is over already: ${stateText({ row, execution })}`,
  );
}

/** Starts a restore anew with what it was asked for, of the same point even where that named a time. */
async function repeat(row: RestoreRow, connection: Connection, context: CommandContext): Promise<void> {
  const { out } = context;
  if (row.state === 'recorded')
    throw new InvalidInputError(
      `restore ${row.restoreId} was done by the process of a person; repeat its command line`,
    );
  const execution = await findExecution(row, connection);
  if (execution === undefined)
    throw new UnknownNameError(
      `what restore ${row.restoreId} was asked for is not known any more: executions are kept for 90 days; start it anew`,
    );
  if (execution.status === 'running')
    throw new InvalidInputError(
      `restore ${row.restoreId} is still running; wait for it with --wait, or stop it with --cancel`,
    );
  const asked = parseOutput(execution.input, RestoreRequest);
  if (asked === undefined)
    throw new ExecutionFailedError(
      `what restore ${row.restoreId} was asked for cannot be read by this program; start it anew with "holdfast restore"`,
    );
  const { resource: _resource, time: _time, ...request } = asked;
  const started = await startRestore(connection, { ...request, point: row.pointId });
  if (out.json) return out.document({ again: row.restoreId, pointId: row.pointId, execution: started });
  await out.line(`the restore of point ${row.pointId} to ${row.target} has started again`);
  await out.line(`execution ${started}`);
}
