import {
  InvalidInputError,
  isOfKind,
  type ReportedWork,
  type RestoreRow,
  UnknownNameError,
} from '@holdfast/engine';
import { cancelledError, RestoreRequest } from '@holdfast/engine/model';
import * as z from 'zod';
import { ReportedFields, restoreShape } from '../names/row-fields.ts';
import { documentAnswer } from '../terminal/answer.ts';
import { idDigits, ids, pointDigits, right, states, times, wideOnly } from '../terminal/table.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import {
  type ExecutionState,
  executionStatuses,
  noteProgress,
  parseOutput,
  waitForExecution,
} from '../deployment/executions.ts';
import { findReported, workText } from '../deployment/work-text.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { resolveResourceArn, resolveRestore } from '../names/resolve.ts';
import { awaitRestoreRow } from '../names/await-restore-row.ts';
import { openPoint } from '../names/open-point.ts';
import { resolvePoint } from '../names/resolve-point.ts';
import {
  checkDeleteExtra,
  confirmExtra,
  deleteShown,
  exitCodeOfRemoved,
  isAllBack,
} from '../restore/delete-extra.ts';
import { ExtraFields, findExtra } from '../restore/extra.ts';
import { startRestore } from '../restore/restore-machine.ts';
import { exitCodeOfReport, findReport, printReport, ReportFields } from '../restore/restore-report.ts';
import { fromOption, limitOption, timeRangeOf, toOption, yesOption } from '../terminal/options.ts';
import { bytesText, durationText, timeText } from '../terminal/text.ts';

const foundShape = {
  ...restoreShape,
  /** Absent where Step Functions does not know it any more, or was not asked. */
  executionStatus: z.enum(executionStatuses).optional(),
  /** Kept for some days; absent where no worker has reported. */
  progress: ReportedFields.optional(),
};
const Listed = documentAnswer('without a name', z.array(z.strictObject(foundShape)));
const Shown = documentAnswer(
  'of the one that is named',
  z.strictObject({ ...foundShape, report: ReportFields.optional() }),
);
const Stopped = documentAnswer('with --cancel', z.strictObject({ ...foundShape, cancelled: z.boolean() }));
const Finished = documentAnswer(
  'with --delete-extra',
  z.strictObject({ ...foundShape, report: ReportFields, extra: ExtraFields }),
);
const Repeated = documentAnswer(
  'with --again',
  z.strictObject({
    /** The restore that is repeated. */
    restoreId: z.string(),
    pointId: z.string(),
    execution: z.string(),
  }),
);

/** A restore as the catalog has it, and its execution as Step Functions has it, where that is known. */
interface FoundRestore {
  readonly row: RestoreRow;
  readonly execution: ExecutionState | undefined;
  readonly work?: ReportedWork | undefined;
}

export const restoresCommand = defineCommand({
  name: 'restores',
  summary: 'List restores, the newest first; or follow, stop or repeat one.',
  answers: { listed: Listed, shown: Shown, stopped: Stopped, repeated: Repeated, finished: Finished },
  declare: (command) =>
    command
      .argument('[restore]', 'by its id, the beginning of it, or the ARN of its execution')
      .option('--resource <resource>', 'of this resource only')
      .addOption(fromOption)
      .addOption(toOption)
      .addOption(limitOption('at most so many').default(20))
      .option('--wait', 'wait for the end of the one that is named, and show its report')
      .option('--cancel', 'stop the one that is named; what it has written stays')
      .option('--again', 'start the one that is named once more; what is there already is not written again')
      .option(
        '--delete-extra',
        'of one that was begun with it: wait, show once more what would go, and delete it',
      )
      .addOption(yesOption),
  async run(context, { resource, limit, wait, cancel, again, deleteExtra: isExact, yes, ...values }, name) {
    const range = timeRangeOf(values);
    if (name === undefined && (wait ?? cancel ?? again ?? isExact) === true)
      throw new UsageError('name the restore to wait for, cancel or repeat; "holdfast restores" lists them');
    if (cancel === true && again === true)
      throw new UsageError('cancel the restore first, and start it again when it has ended');
    if (isExact === true && (cancel ?? again) === true)
      throw new UsageError('--delete-extra is for when it has ended; leave --cancel and --again out');
    if (yes === true && isExact !== true) throw new UsageError('--yes goes with --delete-extra only');
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
    const row =
      wait === true
        ? await awaitRestoreRow(name, connection, context)
        : await resolveRestore(catalog, name, context.clock.now());
    if (cancel === true) return stop(row, connection, context);
    if (again === true) return repeat(row, connection, context);
    if (isExact === true) return finishExactly(row, yes === true, connection, context);
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
  if (row.state !== 'running' || execution === undefined || execution.status === 'running') return row.state;
  return `${execution.error === cancelledError ? 'cancelled' : execution.status}, being closed`;
}

async function list(
  rows: readonly RestoreRow[],
  connection: Connection,
  { out, clock }: CommandContext,
): Promise<void> {
  const found: FoundRestore[] = [];
  for (const row of rows) {
    const isRunning = row.state === 'running';
    const execution = isRunning ? await findIfAllowed(row, connection) : undefined;
    const work = isRunning ? await findReported(connection.services.catalog, row.restoreId) : undefined;
    found.push({ row, execution, work });
  }
  if (out.json) return out.answer(Listed, found.map(fieldsOf));
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
    found.map(({ row, execution, work }) => [
      row.restoreId,
      stateText({ row, execution }),
      row.startedAt,
      tookText(row, clock.now()),
      (row.files ?? work?.files)?.toString(),
      sizeText(row.bytes ?? work?.bytes),
      row.pointId,
      row.target,
    ]),
  );
}

function tookText({ startedAt, endedAt }: RestoreRow, now: Date): string {
  return durationText(((endedAt ?? now).getTime() - startedAt.getTime()) / 1000);
}

function sizeText(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : bytesText(bytes);
}

function fieldsOf({ row, execution, work }: FoundRestore) {
  return { ...row, executionStatus: execution?.status, progress: work };
}

async function show(
  found: FoundRestore,
  wait: boolean,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { row } = found;
  const { out, clock } = context;
  const execution =
    wait && found.execution ? await waitFor(row, found.execution, connection, context) : found.execution;
  const now = (await connection.services.catalog.restores.find(row.restoreId)) ?? row;
  const work = await findReported(connection.services.catalog, row.restoreId);
  const report = findReport(execution?.output);
  if (out.json) await out.answer(Shown, { ...fieldsOf({ row: now, execution, work }), report });
  else {
    await out.line(`restore   ${now.restoreId}`);
    await out.line(`point     ${now.pointId} of ${now.resourceArn}`);
    await out.line(`target    ${now.target}`);
    await out.line(`state     ${stateText({ row: now, execution })}`);
    await out.line(`started   ${timeText(now.startedAt)}, took ${tookText(now, clock.now())}`);
    if (now.state === 'running' && work !== undefined)
      await out.line(`progress  ${workText({ work, seconds: 0 })}`);
    if (now.execution !== undefined) await out.line(`execution ${now.execution}`);
    if (now.error !== undefined) await out.line(`error     ${now.error.message}`);
    if (report !== undefined && now.execution !== undefined)
      await printReport({ ...report, target: undefined }, now.execution, out);
    if (report !== undefined && isAllBack(report) && isToBeEqual(execution))
      await out.line(
        `next      "holdfast restores ${now.restoreId.slice(0, idDigits)} --delete-extra", if that is not done: it shows what is there besides`,
      );
    if (isBrokenOff(now))
      await out.line(`next      "holdfast restores ${now.restoreId.slice(0, idDigits)} --again"`);
  }
  if (report !== undefined) return exitCodeOfReport(report);
  const hasFailed = isBrokenOff(now) || (execution !== undefined && isFailure(execution));
  return hasFailed ? exitCodes.failed : exitCodes.ok;
}

/** Tells a restore that ended before it had done what it was asked for. */
function isBrokenOff({ state }: RestoreRow): boolean {
  return state === 'failed' || state === 'cancelled';
}

function isToBeEqual(execution: ExecutionState | undefined): boolean {
  return parseOutput(execution?.input, RestoreRequest)?.deleteExtra === true;
}

/** Waits for the end of an execution that runs. */
async function waitFor(
  row: RestoreRow,
  execution: ExecutionState,
  { executions, services }: Connection,
  { clock, signal, progress }: CommandContext,
): Promise<ExecutionState> {
  if (execution.status !== 'running' || row.execution === undefined) return execution;
  const onLook = noteProgress(
    progress,
    `restore ${row.restoreId.slice(0, idDigits)}`,
    row.execution,
    executions,
    async () => services.catalog.progress.find(row.restoreId),
  );
  return waitForExecution(row.execution, { executions, clock, signal, onLook });
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
  if (out.json) return out.answer(Stopped, { ...fieldsOf({ row, execution }), cancelled: isRunning });
  await out.line(
    isRunning
      ? `restore ${row.restoreId} is stopped; what it has written to ${row.target} stays there; ` +
          `"holdfast restores ${row.restoreId.slice(0, idDigits)} --again" takes it up again`
      : row.state === 'running' && execution === undefined
        ? `the execution of restore ${row.restoreId} is not there any more; it is closed within the hour`
        : `restore ${row.restoreId} is over already: ${stateText({ row, execution })}`,
  );
}

/**
 * Does the rest of a restore that is to leave a bucket equal to its point: shows once more what the bucket has and the
 * point has not, as much may have happened since, and deletes it.
 */
async function finishExactly(
  row: RestoreRow,
  isConfirmed: boolean,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out, warn, progress, signal } = context;
  const { request, execution } = await findRequest(row, connection);
  if (request.deleteExtra !== true)
    throw new InvalidInputError(
      `restore ${row.restoreId} was not begun with --delete-extra; begin it anew with "holdfast restore … --delete-extra"`,
    );
  const state = await waitFor(row, execution, connection, context);
  const report = findReport(state.output);
  if (report === undefined || !isAllBack(report))
    throw new InvalidInputError(
      `restore ${row.restoreId} did not leave everything as the point has it, so nothing is deleted; ` +
        `"holdfast restores ${row.restoreId.slice(0, idDigits)} --again" repeats it`,
    );
  const { target: destination, paths, overwrite } = request;
  const point = await resolvePoint(connection.services.catalog, row.pointId, context.clock.now());
  checkDeleteExtra(point, destination, { overwrite });
  const reader = await openPoint(connection, point);
  const extra = await findExtra({ point, reader, destination, paths, connection, progress, signal });
  try {
    if (!(await confirmExtra(extra, isConfirmed, context))) {
      warn('nothing was deleted');
      return exitCodes.failed;
    }
    const removed = await deleteShown(extra, context);
    if (out.json)
      await out.answer(Finished, { ...fieldsOf({ row, execution: state }), report, extra: removed });
    return exitCodeOfRemoved(removed);
  } finally {
    await extra.close();
  }
}

/** Starts a restore anew with what it was asked for, of the same point even where that named a time. */
async function repeat(row: RestoreRow, connection: Connection, context: CommandContext): Promise<void> {
  const { out } = context;
  const { request: asked, execution } = await findRequest(row, connection);
  if (execution.status === 'running')
    throw new InvalidInputError(
      `restore ${row.restoreId} is still running; wait for it with --wait, or stop it with --cancel`,
    );
  const { resource: _resource, time: _time, ...request } = asked;
  const started = await startRestore(connection, { ...request, point: row.pointId });
  if (out.json)
    return out.answer(Repeated, { restoreId: row.restoreId, pointId: row.pointId, execution: started });
  await out.line(`the restore of point ${row.pointId} to ${row.target} has started again`);
  await out.line(`execution ${started}`);
}

/**
 * The request of a restore, as its execution has it.
 * @throws {@link InvalidInputError} it was no work of the machine.
 * @throws {@link UnknownNameError} nobody knows any more.
 */
async function findRequest(
  row: RestoreRow,
  connection: Connection,
): Promise<{ readonly request: RestoreRequest; readonly execution: ExecutionState }> {
  if (row.state === 'recorded')
    throw new InvalidInputError(
      `restore ${row.restoreId} was done by the process of a person; repeat its command line`,
    );
  const execution = await findExecution(row, connection);
  if (execution === undefined)
    throw new UnknownNameError(
      `what restore ${row.restoreId} was asked for is not known any more: executions are kept for 90 days; start it anew`,
    );
  const request = parseOutput(execution.input, RestoreRequest);
  if (request !== undefined) return { request, execution };
  throw new ExecutionFailedError(
    `what restore ${row.restoreId} was asked for cannot be read by this program; start it anew with "holdfast restore"`,
  );
}
