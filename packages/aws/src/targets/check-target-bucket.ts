import type { S3Client } from '@aws-sdk/client-s3';
import { TargetUnavailableError } from '@holdfast/engine';
import { headBucket } from '../store/s3-head.ts';
import { errorName, httpStatus, isDenied, toEngineError } from '../sdk/sdk-errors.ts';

/**
 * Checks that a restore's bucket exists, here, and lets itself be looked at.
 * @throws {@link TargetUnavailableError} it does not.
 */
export async function checkTargetBucket(s3: S3Client, bucket: string): Promise<void> {
  try {
    await headBucket(s3, { Bucket: bucket });
  } catch (error) {
    const cause = { cause: error };
    if (errorName(error) === 'NoSuchBucket') {
      throw new TargetUnavailableError(
        `bucket ${bucket} does not exist; make it, or restore into another`,
        cause,
      );
    }
    if (httpStatus(error) === 301) {
      const remedy = 'name one of the region that Holdfast is deployed in';
      throw new TargetUnavailableError(`bucket ${bucket} is in another region; ${remedy}`, cause);
    }
    if (isDenied(error)) {
      const remedy = "name it in the configuration's restoreTargets, and check its policy";
      throw new TargetUnavailableError(`bucket ${bucket} may not be read; ${remedy}`, cause);
    }
    throw toEngineError(error, `looking at bucket ${bucket}`);
  }
}
