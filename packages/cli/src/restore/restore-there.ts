import type { RestoreDestination, RestoreReport } from '@holdfast/engine/model';
import * as z from 'zod';
import type { Connection } from '../deployment/connection.ts';
import { type DegradedFields, degradedShape } from '../names/degraded-point.ts';
import { documentAnswer } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { ExtraFields } from './extra.ts';
import type { LocalRequest } from './restore-here.ts';
import { startRestore, waitForRestore } from './restore-machine.ts';
import { exitCodeOfReport, findReport, printReport, ReportFields } from './restore-report.ts';
import { restoreInput } from './restore-request.ts';

const Started = z.strictObject({
  pointId: z.string(),
  resourceArn: z.string(),
  execution: z.string(),
  ...degradedShape,
});
type Started = z.infer<typeof Started>;
export const StartedThere = documentAnswer('into anything in AWS, without --wait', Started);
export const EndedThere = documentAnswer(
  'into anything in AWS, with --wait',
  z.strictObject({ ...Started.shape, report: ReportFields, extra: ExtraFields.optional() }),
);

export async function startThere(
  { point, paths, overwrite, deleteExtra, thaw }: LocalRequest,
  destination: RestoreDestination,
  degraded: DegradedFields,
  connection: Connection,
): Promise<Started> {
  const input = restoreInput(point, destination, { paths, overwrite, deleteExtra, thaw });
  const execution = await startRestore(connection, input);
  const { pointId, resourceArn } = point;
  return { pointId, resourceArn, execution, ...degraded };
}

/** Waits for a restore, and prints its report for people. */
export async function followThere(
  { point, thaw }: LocalRequest,
  execution: string,
  connection: Connection,
  context: CommandContext,
): Promise<Partial<RestoreReport>> {
  const { out } = context;
  const state = await waitForRestore(execution, { point, thaw, doing: 'restoring' }, connection, context);
  const report = findReport(state.output);
  if (report === undefined)
    throw new ExecutionFailedError(
      `execution ${execution} has ended with a report that this program cannot read, so what it restored is not known; ` +
        'look at its output, or use the program of the version that is deployed',
    );
  if (!out.json) {
    await printReport(report, execution, out);
    await out.line(
      `the restore of point ${point.pointId} of ${point.resourceArn} is ${report.state ?? state.status}`,
    );
  }
  return report;
}

/** Has the restore machine restore, and follows it where that is asked for. */
export async function restoreThere(
  request: LocalRequest,
  destination: RestoreDestination,
  { wait, degraded }: { readonly wait: boolean; readonly degraded: DegradedFields },
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out, progress } = context;
  const started = await startThere(request, destination, degraded, connection);
  const { pointId, resourceArn, execution } = started;
  if (!wait) {
    if (out.json) {
      await out.answer(StartedThere, started);
    } else {
      await out.line(`the restore of point ${pointId} of ${resourceArn} has started`);
      await out.line(`execution ${execution}`);
      await out.line('next      "holdfast restores" shows how far it is');
    }
    return exitCodes.ok;
  }
  progress.note(`the restore of point ${pointId} has started: ${execution}`);
  const report = await followThere(request, execution, connection, context);
  if (out.json) await out.answer(EndedThere, { ...started, report });
  return exitCodeOfReport(report);
}
