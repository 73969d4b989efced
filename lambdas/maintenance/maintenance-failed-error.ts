import { BackupError } from '@holdfast/engine';

const longestReason = 2_000;

/** A day's maintenance left something undone, or found something that somebody has to look at. */
export class MaintenanceFailedError extends BackupError {
  override readonly name = 'MaintenanceFailedError';

  constructor(reasons: readonly string[]) {
    super(`maintenance did not do everything: ${reasons.join('; ').slice(0, longestReason)}`);
  }
}
