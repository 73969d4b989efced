import { BackupError } from '@holdfast/engine';

/** A restore was stopped or failed while one of its workers was still at it. */
export class RestoreOverError extends BackupError {
  override readonly name = 'RestoreOverError';

  constructor(restoreId: string) {
    super(`restore ${restoreId} is over, as it was stopped or failed; start the same request again`);
  }
}
