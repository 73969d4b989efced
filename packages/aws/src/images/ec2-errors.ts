import { UnknownNameError } from '@holdfast/engine';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

/** Whether EC2 says that something does not exist, or does not yet: its reads lag behind its writes. */
export function isEc2NotFound(error: unknown): boolean {
  return errorName(error).endsWith('.NotFound');
}

/** Whether EC2 says that a registered image (AMI) is made of a snapshot, which it keeps from being deleted. */
export function isSnapshotInUse(error: unknown): boolean {
  return errorName(error) === 'InvalidSnapshot.InUse';
}

/** What EC2 refuses to make snapshots with for a while; nothing was made then. */
const busyNames: ReadonlySet<string> = new Set([
  'ConcurrentSnapshotLimitExceeded',
  'PendingSnapshotLimitExceeded',
  'RequestLimitExceeded',
  'SnapshotCreationPerVolumeRateExceeded',
]);

/** Whether EC2 takes no order of snapshots for now: too many are pending, or are ordered at once. */
export function isSnapshotsBusy(error: unknown): boolean {
  return busyNames.has(errorName(error));
}

/** Whether EC2 says that the volume which an order with this token made before does not exist any more. */
export function isVolumeOfTokenGone(error: unknown): boolean {
  return (
    errorName(error) === 'IdempotentParameterMismatch' &&
    error instanceof Error &&
    error.message.includes('already deleted')
  );
}

/** Turns an error of EC2 into an engine error. `what` is the call and its object. */
export function toEc2Error(error: unknown, what: string): unknown {
  if (isEc2NotFound(error) || errorName(error).endsWith('.Malformed')) {
    return new UnknownNameError(`${what}: no such thing in this region; check the id and the region`, {
      cause: error,
    });
  }
  return toEngineError(error, what);
}
