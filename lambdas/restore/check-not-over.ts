import { findJson } from '@holdfast/engine';
import * as z from 'zod';
import { restoreFiles } from './restore-job.ts';
import { RestoreOverError } from './restore-over-error.ts';

/**
 * Asked before something is made that somebody pays for: whoever ends a restore says so first, then looks for what there is.
 * @throws {@link RestoreOverError} the restore was stopped or failed.
 */
export async function checkNotOver(work: Parameters<typeof findJson>[0], restoreId: string): Promise<void> {
  if ((await findJson(work, restoreFiles.over(restoreId), z.unknown())) !== undefined)
    throw new RestoreOverError(restoreId);
}
