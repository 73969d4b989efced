import {
  InvalidInputError,
  isDegraded,
  newId,
  type PointRow,
  type QuoteDrift,
  type ResourceRow,
  type RunId,
  type RunRow,
} from '@holdfast/engine';
import { BackupType, OpenedRunReport, retentionBounds, RunReport } from '@holdfast/engine/model';
import { backUpDirectory, type BackUpDirectoryOptions } from '@holdfast/node';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { degradedShape, unreadText, warnDegraded } from '../names/degraded-point.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { resolveResource } from '../names/resolve.ts';
import { PointFields, RunFields } from '../names/row-fields.ts';
import { driftShape, driftText, findDrift } from '../quote/quote-drift.ts';
import { throttledText } from '../restore/restore-report.ts';
import { choiceOption, compressionOption, numberOption, workersOption } from '../terminal/options.ts';
import { bytesText, countText, timeText } from '../terminal/text.ts';
import { failureText, noteProgress, waitForExecution, parseOutput } from '../deployment/executions.ts';
import * as z from 'zod';

/** Part of the protect machine's output that says whether there was nothing to do. */
const EndedRun = z.object({
  run: OpenedRunReport.pick({ mode: true, reason: true }),
  point: RunReport.pick({ throttledCalls: true }).optional(),
});

const startedShape = {
  runId: z.string(),
  execution: z.string(),
  resourceArn: z.string(),
  plan: z.string(),
  requestedType: BackupType,
};
const endedShape = {
  run: RunFields,
  point: PointFields,
  ...degradedShape,
  drift: z.strictObject(driftShape).optional(),
};
const Started = documentAnswer('without --wait', z.strictObject(startedShape));
const Ended = documentAnswer(
  'with --wait',
  z.strictObject({ ...startedShape, ...endedShape, throttledCalls: WholeNumber }),
);
const EndedHere = documentAnswer('with --directory', z.strictObject(endedShape));

interface StartedRun {
  readonly runId: RunId;
  readonly execution: string;
  readonly resource: ResourceRow;
  readonly type: BackupType;
}

export const backupCommand = defineCommand({
  name: 'backup',
  summary: 'Back up one resource now, by the rules of its plan.',
  answers: { started: Started, ended: Ended, directory: EndedHere },
  declare: (command) =>
    command
      .argument('[resource]')
      .option('--directory <directory>', 'a directory of this machine, into the vault that --vault names')
      .addOption(
        choiceOption('--type <type>', 'what to read from the source', {
          choices: BackupType.options,
          noun: 'a backup type',
        }).default('incremental' as const),
      )
      .option(
        '--wait',
        'wait for the end and show the recovery point; ends with 6 where that could not read everything',
      )
      .addOption(
        numberOption(
          '--keep-days <n>',
          'of a directory: how long the point is kept',
          retentionBounds.keepDays,
        ).default(35),
      )
      .addOption(compressionOption)
      .addOption(workersOption),
  async run(context, { wait, directory, ...request }, name) {
    if ((directory === undefined) === (name === undefined))
      throw new UsageError(
        'name a resource of the deployment, or a directory with --directory and its vault with --vault',
      );
    if (directory !== undefined) return backUpHere({ directory, ...request }, context);
    const { type } = request;
    const connection = await context.connect();
    const { services, executions } = connection;
    const resource = await resolveResource(services.catalog, name ?? '');
    checkCanRun(resource);
    const runId = newId<RunId>(services.random);
    const { arn, kind, plan } = resource;
    const execution = await executions.start('protect', runId, { resourceArn: arn, kind, plan, type, runId });
    const started = { runId, execution, resource, type };
    if (wait === true) return follow(started, connection, context);
    await printStarted(started, context);
  },
});

async function backUpHere(
  request: Pick<BackUpDirectoryOptions, 'directory' | 'type' | 'keepDays' | 'compression' | 'workers'>,
  context: CommandContext,
): Promise<ExitCode> {
  const vault = context.localVault();
  if (request.directory === '') throw new UsageError('the directory after --directory is empty; name it');
  if (request.type === 'synthetic-full')
    throw new UsageError(
      '--type synthetic-full is made of points in the vault, not of a directory; write full',
    );
  const connection = await context.connect();
  const { signal, progress } = context;
  const { root } = await backUpDirectory({ ...request, vault, signal, onProgress: progress.report });
  const { catalog } = connection.services;
  const [run, point] = [await catalog.runs.find(root.run), await catalog.points.find(root.point)];
  if (run === undefined || point === undefined)
    throw new ExecutionFailedError(
      `point ${root.point} was committed, and is not in the catalog; run "holdfast catalog rebuild"`,
    );
  const degraded = await warnDegraded(point, connection, context);
  const drift = await findDrift(catalog, point.resourceArn);
  if (context.out.json) await context.out.answer(EndedHere, { run, point, ...degraded, drift });
  else await printPoint(run, point, drift, context.out);
  return isDegraded(point) ? exitCodes.degraded : exitCodes.ok;
}

function checkCanRun({ arn, kind, problem }: ResourceRow): void {
  if (kind === 'directory') {
    throw new InvalidInputError(
      `${arn} is a directory, which AWS cannot read; back it up on the machine that has it, with "holdfast backup --directory"`,
    );
  }
  if (problem !== undefined) throw new InvalidInputError(`${arn} cannot be backed up: ${problem}`);
}

function fieldsOf({ runId, execution, resource, type }: StartedRun) {
  return { runId, execution, resourceArn: resource.arn, plan: resource.plan, requestedType: type };
}

async function printStarted(started: StartedRun, { out }: CommandContext): Promise<void> {
  if (out.json) return out.answer(Started, fieldsOf(started));
  await out.line(`run ${started.runId} of ${started.resource.arn} has started (${started.type})`);
  await out.line(`execution ${started.execution}`);
}

async function follow(
  started: StartedRun,
  { services, executions }: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { runId, execution, resource } = started;
  const { out, progress, clock, signal } = context;
  const { catalog } = services;
  progress.note(`run ${runId} of ${resource.arn} has started (${started.type})`);
  const doing = async (): Promise<string> => {
    const run = await catalog.runs.find(runId);
    return `run ${runId}: ${run === undefined ? 'starting' : `${run.type}, ${run.state}`}`;
  };
  const onLook = noteProgress(progress, doing, execution, executions, async () =>
    catalog.progress.find(runId),
  );
  const state = await waitForExecution(execution, { executions, clock, signal, onLook });
  const run = await catalog.runs.find(runId);
  const point = run?.pointId === undefined ? undefined : await catalog.points.find(run.pointId);
  if (run === undefined || point === undefined) {
    const why = run?.error?.message ?? skipReasonOf(state.output) ?? failureText(state);
    throw new ExecutionFailedError(`run ${runId} of ${resource.arn} made no point: ${why}`);
  }
  const degraded = await warnDegraded(point, { services }, context);
  const drift = await findDrift(catalog, point.resourceArn);
  const { throttledCalls = 0 } = parseOutput(state.output, EndedRun)?.point ?? {};
  if (out.json)
    await out.answer(Ended, { ...fieldsOf(started), run, point, throttledCalls, ...degraded, drift });
  else await printPoint(run, point, drift, out);
  if (throttledCalls > 0 && !out.json) await out.line(throttledText(throttledCalls));
  return isDegraded(point) ? exitCodes.degraded : exitCodes.ok;
}

function skipReasonOf(output: string | undefined): string | undefined {
  const run = parseOutput(output, EndedRun)?.run;
  return run?.mode === 'skip' ? run.reason : undefined;
}

async function printPoint(
  run: RunRow,
  point: PointRow,
  drift: QuoteDrift | undefined,
  out: CommandContext['out'],
): Promise<void> {
  const { counts } = point;
  const reason = run.typeReason === undefined ? '' : ` instead of ${run.requestedType}: ${run.typeReason}`;
  await out.line(`point     ${point.pointId}`);
  await out.line(`resource  ${point.resourceArn}`);
  await out.line(`type      ${point.type}${reason}`);
  await out.line(`taken     ${timeText(point.sourceTime)}, kept until ${timeText(point.expiresAt)}`);
  await out.line(
    `content   ${countText(counts.files, 'file')}, ${bytesText(counts.logicalBytes)}; ` +
      `${counts.filesChanged} changed, ${counts.filesRemoved} removed`,
  );
  await out.line(`read      ${bytesText(counts.readBytes)}, stored ${bytesText(counts.storedBytes)}`);
  await out.line(`warnings  ${point.warnings}`);
  await out.line(`state     ${run.state}: ${unreadText(point)}`);
  if (drift !== undefined) await out.line(`quote     ${driftText(drift)}`);
}
