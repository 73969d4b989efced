import { UnknownNameError } from '@holdfast/engine';
import {
  errorName,
  httpStatus,
  isCredentialFailure,
  isUnavailable,
  toEngineError,
} from '../sdk/sdk-errors.ts';

/** EC2 does not know something, or does not know it yet: its reads lag behind its writes. */
export function isEc2NotFound(error: unknown): boolean {
  return errorName(error).endsWith('.NotFound');
}

/** A registered image (AMI) is made of the snapshot, so EC2 does not delete it. */
export function isSnapshotInUse(error: unknown): boolean {
  return errorName(error) === 'InvalidSnapshot.InUse';
}

/** Errors with which EC2 refuses to make snapshots for a while; nothing was made then. */
const busyNames: ReadonlySet<string> = new Set([
  'ConcurrentSnapshotLimitExceeded',
  'PendingSnapshotLimitExceeded',
  'RequestLimitExceeded',
  'SnapshotCreationPerVolumeRateExceeded',
]);

/** Too many snapshots are pending, or are ordered at once. */
export function isSnapshotsBusy(error: unknown): boolean {
  return busyNames.has(errorName(error));
}

/** An order with the same token made a volume before, which does not exist any more. */
export function isVolumeOfTokenGone(error: unknown): boolean {
  return (
    errorName(error) === 'IdempotentParameterMismatch' &&
    error instanceof Error &&
    error.message.includes('already deleted')
  );
}

/**
 * Errors with which EC2 says that it has no room: they have a status of the 500s, and waiting is for whoever restores.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const noRoom = /^Insufficient(\w*Capacity|FreeAddressesInSubnet)$/;

/** EC2 throttled, failed or did not answer, or the credentials have ended: the same order may succeed later. */
export function isPassing(error: unknown): boolean {
  if (noRoom.test(errorName(error))) return false;
  return isUnavailable(error) || isCredentialFailure(error) || httpStatus(error) === undefined;
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
