import type { RestoreDestination } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
import { checkReadable } from '../names/archived-point.ts';
import type { DegradedFields } from '../names/degraded-point.ts';
import { openPoint } from '../names/open-point.ts';
import type { CommandContext } from '../terminal/command.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import {
  confirmExtra,
  deleteShown,
  exitCodeOfRemoved,
  isAllBack,
  isAllHere,
  notWholeText,
} from './delete-extra.ts';
import { type ExtraOutcome, findExtra } from './extra.ts';
import { type LocalRequest, restoreHere } from './restore-here.ts';
import { exitCodeOfOutcome, exitCodeOfReport, printOutcome, RestoredHere } from './restore-report.ts';
import { EndedThere, followThere, startThere } from './restore-there.ts';

/** Restores, and only when all of it is there, deletes from the place what the point does not have. */
export async function restoreExactly(
  request: LocalRequest,
  destination: RestoreDestination,
  { degraded, isConfirmed }: { readonly degraded: DegradedFields; readonly isConfirmed: boolean },
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { point } = request;
  const { out, warn, progress, signal } = context;
  const reader = await openPoint(connection, point);
  await checkReadable(connection.services.store, reader.root, connection.deployment.vaultBucket);
  const extra = await findExtra({ ...request, reader, destination, connection, progress, signal });
  try {
    if (!(await confirmExtra(extra, isConfirmed, context))) {
      warn('nothing was restored, and nothing deleted');
      return exitCodes.failed;
    }
    const { directory } = destination;
    const restored =
      directory === undefined
        ? await restoreWholeThere(request, destination, degraded, connection, context)
        : await restoreWholeHere(request, directory, degraded, connection, context);
    if (!restored.isWhole) {
      if (out.json) await restored.answer();
      warn(notWholeText);
      return restored.exitCode === exitCodes.ok ? exitCodes.failed : restored.exitCode;
    }
    const removed = await deleteShown(extra, context);
    if (out.json) await restored.answer(removed);
    return exitCodeOfRemoved(removed);
  } finally {
    await extra.close();
  }
}

/** A restore to its end, before anything is deleted. */
interface Restored {
  /** Prints it for programs, with what was deleted after it. */
  readonly answer: (extra?: ExtraOutcome) => Promise<void>;
  readonly exitCode: ExitCode;
  readonly isWhole: boolean;
}

async function restoreWholeHere(
  request: LocalRequest,
  directory: string,
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<Restored> {
  const { out } = context;
  const { outcome, execution } = await restoreHere(request, directory, connection, context);
  const where = { pointId: request.point.pointId, directory, execution, ...degraded };
  if (!out.json) await printOutcome(outcome, where, out);
  return {
    answer: async (extra) => out.answer(RestoredHere, { ...where, ...outcome, extra }),
    exitCode: exitCodeOfOutcome(outcome),
    isWhole: isAllHere(outcome),
  };
}

async function restoreWholeThere(
  request: LocalRequest,
  destination: RestoreDestination,
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<Restored> {
  const started = await startThere(request, destination, degraded, connection);
  context.progress.note(
    `the restore of point ${request.point.pointId} has started: ${started.execution}; if this is interrupted, ` +
      `"holdfast restores ${started.execution} --delete-extra" goes on`,
  );
  const report = await followThere(request, started.execution, connection, context);
  return {
    answer: async (extra) => context.out.answer(EndedThere, { ...started, report, extra }),
    exitCode: exitCodeOfReport(report),
    isWhole: isAllBack(report),
  };
}
