import { BackupError } from '@holdfast/engine';

/** A machine cannot be launched as it was and as is wished; nothing was launched. */
export class LaunchRefusedError extends BackupError {
  override readonly name = 'LaunchRefusedError';

  constructor(pointId: string, problems: readonly string[]) {
    super(`the machine of point ${pointId} was not launched: ${problems.join('; and ')}`);
  }
}

/** EC2 did not launch a machine, or it ended before it ran. */
export class InstanceFailedError extends BackupError {
  override readonly name = 'InstanceFailedError';
}
