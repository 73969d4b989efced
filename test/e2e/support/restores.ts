import { compareBucket } from '../../../localstack/demo/compare-bucket.ts';
import type { ExpectedState } from '../../../localstack/demo/source-objects.ts';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { App } from './deployed.ts';
import { runExecution, type Ended } from './executions.ts';
import { testBuckets } from './names.ts';

let restores = 0;

/** Makes the buckets that restores write to, unless another test file has. */
export async function makeTargets(app: App): Promise<void> {
  for (const Bucket of [testBuckets.restored, testBuckets.unlisted]) {
    await app.s3.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
      if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
    });
  }
}

/** Runs a restore to its end, as a person starts it: the execution's input is the request. */
export async function restore(app: App, request: unknown): Promise<Ended> {
  restores += 1;
  return runExecution(app.sfn, app.machines.restore, `e2e-${process.pid}-${Date.now()}-${restores}`, request);
}

/**
 * Restores a point, or some paths of it, into an empty folder of the target bucket and compares every byte, header and
 * tag with what was there. @returns the differences, as sentences.
 */
export async function restoreAndCompare(
  app: App,
  pointId: string,
  expected: ExpectedState,
  paths?: readonly string[],
): Promise<string[]> {
  const prefix = `${pointId}-${(restores += 1)}/`;
  const request = {
    point: pointId,
    target: { bucket: testBuckets.restored, prefix },
    paths,
  };
  const { status, reason } = await restore(app, request);
  if (status !== 'SUCCEEDED') return [`the restore of ${pointId} ${status}: ${reason}`];
  return compareBucket(app.s3, testBuckets.restored, prefix, expected);
}
