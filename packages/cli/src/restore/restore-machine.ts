import { BackupError, compactTime, longestThaw, type PointRow, toHex } from '@holdfast/engine';
import { type RestoreInput, restoreIdOf, type ThawOptions, ThawRequest } from '@holdfast/engine/model';
import type { CommandContext } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { ExecutionFailedError, RestoreUnrecordedError } from '../terminal/errors.ts';
import {
  type ExecutionState,
  failureText,
  noteProgress,
  waitForExecution,
} from '../deployment/executions.ts';
import { restoreInput } from './restore-request.ts';
import { durationText } from '../terminal/text.ts';

/** @returns the execution's ARN. */
export async function startRestore(
  { executions, services }: Connection,
  input: RestoreInput,
): Promise<string> {
  const { clock, random } = services;
  return executions.start('restore', `restore-${compactTime(clock.now())}-${toHex(random.bytes(4))}`, input);
}

/**
 * Waits for the end of a restore's execution, and says meanwhile what takes its time.
 * @throws {@link ExecutionFailedError} it did not succeed; the message has the machine's reason.
 */
export async function waitForRestore(
  execution: string,
  {
    point,
    thaw = {},
    doing,
  }: { readonly point: PointRow; readonly thaw?: ThawOptions | undefined; readonly doing: string },
  { executions, services }: Connection,
  { progress, clock, signal }: CommandContext,
): Promise<ExecutionState> {
  const { speed } = ThawRequest.parse(thaw);
  const thawSeconds = longestThaw(point.archiveClass, speed);
  if (thawSeconds !== undefined) {
    progress.note(
      `it lies in ${point.archiveClass} and is thawed first, unless it can be read already: ${speed}, at most ${durationText(thawSeconds)}`,
    );
  }
  const onLook = noteProgress(progress, doing, execution, executions, async () =>
    services.catalog.progress.find(restoreIdOf(execution)),
  );
  const state = await waitForExecution(execution, { executions, clock, signal, onLook });
  if (state.status === 'succeeded') return state;
  throw new ExecutionFailedError(
    `the restore of point ${point.pointId} did not succeed: ${failureText(state)}; execution ${execution}`,
  );
}

/**
 * Puts a restore into a directory on the vault's audit log before it begins, and has an archived point thawed. People
 * have no right to write the log; the restore machine has.
 * @returns the execution that the log names.
 * @throws {@link RestoreUnrecordedError} the machine could not be started.
 * @throws {@link ExecutionFailedError} it did not succeed; the message has the machine's reason.
 */
export async function recordRestore(
  { point, directory, paths, overwrite, deleteExtra, thaw }: LocalRestore,
  connection: Connection,
  context: CommandContext,
): Promise<string> {
  const input = restoreInput(point, { directory }, { paths, overwrite, deleteExtra, thaw });
  const execution = await startRestore(connection, input).catch((error: unknown) => {
    if (!(error instanceof BackupError)) throw error;
    throw new RestoreUnrecordedError(
      `restores are on the audit log, which the restore machine writes before this process reads anything, and it could ` +
        `not be started: ${error.message}; with the bucket and its key alone, ` +
        `"holdfast extract s3://${connection.deployment.vaultBucket} ${point.pointId} --to <directory>" restores`,
      { cause: error },
    );
  });
  context.progress.note(`the restore of point ${point.pointId} is being recorded: ${execution}`);
  await waitForRestore(
    execution,
    { point, thaw, doing: 'waiting until it is recorded and can be read' },
    connection,
    context,
  );
  return execution;
}

interface LocalRestore extends Pick<RestoreInput, 'paths' | 'overwrite' | 'deleteExtra' | 'thaw'> {
  readonly point: PointRow;
  readonly directory: string;
}
