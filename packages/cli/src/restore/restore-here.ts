import {
  type PointRow,
  type ReportProgress,
  restoreEntries,
  type RestoreOutcome,
  restorePoint,
} from '@holdfast/engine';
import type { RestoreInput } from '@holdfast/engine/model';
import { DirectoryTarget, restoreDirectory } from '@holdfast/node';
import type { Connection } from '../deployment/connection.ts';
import { openImageFiles } from '../image-files/open-image-files.ts';
import { isImage, openPoint } from '../names/open-point.ts';
import type { CommandContext } from '../terminal/command.ts';
import { recordRestore } from './restore-machine.ts';

export interface LocalRequest
  extends Required<Pick<RestoreInput, 'overwrite' | 'thaw'>>, Pick<RestoreInput, 'paths' | 'deleteExtra'> {
  readonly point: PointRow;
  /** Threads, for a vault in a directory. */
  readonly workers: number;
}

/**
 * Restores from this process into a directory, once the audit log has it.
 * @returns what came of it, and the execution that the audit log names.
 */
export async function restoreHere(
  request: LocalRequest,
  directory: string,
  connection: Connection,
  context: CommandContext,
): Promise<{ readonly outcome: RestoreOutcome; readonly execution?: string }> {
  const { progress, signal } = context;
  const { point, paths, overwrite, deleteExtra, thaw } = request;
  const filesTotal = paths ? undefined : point.counts.files;
  const onProgress: ReportProgress = (event) => progress.report({ ...event, filesTotal });
  if (connection.localVault !== undefined) {
    const { resourceArn, pointId } = point;
    const outcome = await restoreDirectory({
      vault: connection.localVault,
      resourceArn,
      pointId,
      directory,
      paths,
      overwrite,
      workers: request.workers,
      onProgress,
      signal,
    });
    return { outcome };
  }
  const { openSnapshots } = connection;
  // Named wrongly, they should not be on the log.
  const files =
    isImage(point) && paths !== undefined
      ? await openImageFiles(await openPoint(connection, point), paths, { ...context, openSnapshots })
      : undefined;
  const recorded = { point, directory, paths, overwrite: deleteExtra && overwrite, deleteExtra, thaw };
  const execution = await recordRestore(recorded, connection, context);
  const target = new DirectoryTarget({ root: directory, random: connection.services.random });
  const options = { target, overwrite, onProgress, signal };
  const outcome =
    files === undefined
      ? await restorePoint(await openPoint(connection, point), { ...options, paths })
      : await restoreEntries(files, { ...options, range: {} });
  return { outcome, execution };
}
